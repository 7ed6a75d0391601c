"""Nodes that lie, one answer at a time: a clear error, nothing signed, and nothing called confirmed, failed or dead.

The cluster answers truly; the transport in front of it spoils one method's answers. Afterwards all goes on as ever.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bestfill.decide import proven_dead
from bestfill.errors import BestfillError, ExecutionError, NetworkUnavailable, QuoteError, VenueUnavailable
from bestfill.quote import Fill, SignedSwap, SwapOutcome, SwapPlan
from bestfill.units import base58_encode
from bestfill_adapters.solana.account import CLOCK, SPL_TOKEN
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.fees import fee_lamports
from bestfill_adapters.solana.network import WINDOW
from tests.unit.adapters.solana.desk import Desk, Spoil
from tests.unit.adapters.solana.golden import Golden
from tests.unit.adapters.solana.nodes import address, signature
from tests.unit.adapters.solana.shelf import PROGRAM
from tools.cluster.accounts import token_account_data

GARBAGE: dict[str, Spoil] = {
    "HTML": lambda _: b"<html><body>502 Bad Gateway</body></html>",
    "10 MB": lambda _: b'{"jsonrpc":"2.0","id":1,"result":"' + b"A" * 10_000_000 + b'"}',
    "nothing": lambda _: b"",
    "half": lambda told: b'{"jsonrpc":"2.0","id":1,"result":{"context"',
    "another question's": lambda _: b'{"jsonrpc":"2.0","id":1,"result":5}',
    "deep": lambda _: b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000,
    "text": lambda _: "surely",
    "huge": lambda _: 10**30,
    "true": lambda _: True,
    "object": lambda _: {},
    "objects": lambda _: [{}, {}, {}],
    "old news": lambda _: {"context": {"slot": -1}, "value": []},
    "elsewhere": lambda _: httpx.Response(302, headers={"location": "http://127.0.0.1:1/"}),
    "broken": lambda _: httpx.Response(500, content=b"panicked"),
}
POOLS = {
    "raydium_cpmm": ("std_25bps_9_6", 4),
    "raydium_clmm": ("main_4bps_s10_9_6", 5),
    "meteora_dlmm": ("sol_usdc_capture", 4),
    "meteora_damm_v2": ("sol_usdc_25bps", 3),
}
"""A pool, and how many of the accounts that its quote reads it can't do without: it, its vaults, config and array."""


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    return await Desk(tmp_path).start()


@contextmanager
def spoilt(desk: Desk, method: str, spoil: Spoil) -> Iterator[None]:
    desk.way.spoils[method] = spoil
    try:
        yield
    finally:
        del desk.way.spoils[method]


async def refused(desk: Desk, plan: SwapPlan, method: str, spoil: Spoil) -> BestfillError:
    """Have nothing signed of a plan."""
    before = len(desk.signer.signed)
    with spoilt(desk, method, spoil), pytest.raises((NetworkUnavailable, ExecutionError)) as caught:
        await desk.network.sign(plan)
    assert len(desk.signer.signed) == before
    assert caught.value.reason
    return caught.value


async def untold(desk: Desk, swap: SignedSwap, method: str, spoil: Spoil) -> str:
    """Have nothing told of a swap."""

    async def ask() -> None:
        await desk.network.height()
        await desk.network.status(swap)

    with spoilt(desk, method, spoil), pytest.raises(NetworkUnavailable) as caught:
        await ask()
    assert caught.value.reason
    return caught.value.reason


async def landed(desk: Desk) -> SignedSwap:
    swap = await desk.network.sign(await desk.plan())
    await desk.network.send(swap)
    desk.slots(8)
    return swap


def change(**fields: Any) -> Spoil:
    """Change fields of an answer's value."""
    return lambda told: told | {"value": told["value"] | fields}


# Quotes


async def test_garbage_instead_of_accounts_is_no_quote(desk: Desk):
    honest = await desk.quote()
    for name, spoil in GARBAGE.items():
        with spoilt(desk, "getMultipleAccounts", spoil), pytest.raises(VenueUnavailable) as caught:
            await desk.quote()
        assert "endpoint 1 of 1 " in caught.value.reason, name
    assert await desk.quote() == honest


def owned(told: dict[str, Any]) -> None:
    told["owner"] = PROGRAM


def cut(told: dict[str, Any]) -> None:
    data = base64.b64decode(told["data"][0])
    told["data"][0] = base64.b64encode(data[: len(data) // 2]).decode()


def filled(told: dict[str, Any]) -> None:
    data = base64.b64decode(told["data"][0])
    told["data"][0] = base64.b64encode(data[:8] + b"\xff" * (len(data) - 8)).decode()


@pytest.mark.parametrize("bend", [owned, cut, filled, None], ids=["owner", "short data", "huge numbers", "gone"])
@pytest.mark.parametrize("name", POOLS)
async def test_an_account_that_is_not_what_it_should_be_is_no_quote_or_does_not_matter(
    name: str, bend: Callable[[dict[str, Any]], None] | None
):
    pool, needed = POOLS[name]
    golden = await Golden(name, pool).start()
    request = golden.request(10**7)
    honest = await golden.venue.quote(request)
    read, answer = golden.reads[-1], golden.node.answers["getMultipleAccounts"]
    without: set[str] = set()
    for place, bad in enumerate(read):

        def lies(addresses: list[str], config: Any, bad: str = bad) -> Any:
            told = answer(addresses, config)
            if bad in addresses:
                at = addresses.index(bad)
                if bend is None:
                    told["value"][at] = None
                elif told["value"][at] is not None:
                    bend(told["value"][at])
            return told

        golden.node.answers["getMultipleAccounts"] = lies
        try:
            quote = await golden.venue.quote(request)
        except QuoteError:
            without.add(bad)
        else:
            assert quote.amount_out == honest.amount_out, (place, bad)
        golden.node.answers["getMultipleAccounts"] = answer
    assert CLOCK in without and golden.addresses[0] in without
    assert len(without) > needed - (name == "meteora_damm_v2" and bend is filled)
    assert await golden.venue.quote(request) == honest


@pytest.mark.parametrize("offset", [0, 32, 108], ids=["mint", "owner", "frozen"])
async def test_a_vault_that_is_not_the_pool_s_is_no_quote(desk: Desk, offset: int):
    pool = desk.cluster.pools[0]
    vault = token_account(pool.address, pool.mints[1])
    data = bytearray(token_account_data(pool.mints[1], pool.address, 10**12))
    desk.cluster.chain.put(vault, SPL_TOKEN, bytes(data), 10**9)
    assert await desk.quote()
    data[offset] ^= 3
    desk.cluster.chain.put(vault, SPL_TOKEN, bytes(data), 10**9)
    with pytest.raises(VenueUnavailable):
        await desk.quote()


# Signing


@pytest.mark.parametrize(
    "method",
    [
        "getMultipleAccounts",
        "getRecentPrioritizationFees",
        "getLatestBlockhash",
        "getEpochInfo",
        "simulateTransaction",
    ],
)
async def test_garbage_wherever_it_comes_signs_nothing(desk: Desk, method: str):
    plan = await desk.plan()
    for name, spoil in {**GARBAGE, "null": lambda _: None}.items():
        error = await refused(desk, plan, method, spoil)
        assert "endpoint 1 of 1 " in error.reason, name
    assert await desk.network.sign(plan)


def dated(last: int) -> Spoil:
    return lambda told: (
        told | {"value": told["value"] | {"lastValidBlockHeight": told["value"]["lastValidBlockHeight"] + last}}
    )


@pytest.mark.parametrize("by", [-(10**3), -WINDOW, -4, 1, 40, 10**6, 10**30])
async def test_a_blockhash_that_lives_shorter_or_longer_than_it_can_signs_nothing(desk: Desk, by: int):
    """Of one that ends too early, the swap would be taken for dead while it can still land."""
    plan = await desk.plan()
    error = await refused(desk, plan, "getLatestBlockhash", dated(by))
    assert "height" in error.reason or "older than one that is final" in error.reason or "getLatest" in error.reason
    assert await desk.network.sign(plan)


async def test_a_new_process_is_not_fooled_by_its_first_blockhash_either(desk: Desk):
    plan = await desk.plan()
    other = desk.another()
    await other.start()
    await refused(other, plan, "getLatestBlockhash", dated(-WINDOW))


@pytest.mark.parametrize(
    "text", ["", "0" * 44, base58_encode(bytes(31)), base58_encode(b"\1" * 33), "1" * 10_000, 5, None]
)
async def test_a_blockhash_that_is_none_signs_nothing(desk: Desk, text: object):
    await refused(desk, await desk.plan(), "getLatestBlockhash", change(blockhash=text))


@pytest.mark.parametrize(
    "fields",
    [
        {"unitsConsumed": 10**30},
        {"unitsConsumed": 2**63 - 1},
        {"unitsConsumed": 1_400_001},
        {"unitsConsumed": -1},
        {"unitsConsumed": 1.5},
        {"unitsConsumed": None},
        {"err": "BlockhashNotFound"},
        {"err": {"InstructionError": [10**30, {"Custom": 10**30}]}},
        {"err": False},
        {"err": "x" * 5_000},
        {"logs": [5]},
    ],
    ids=str,
)
async def test_a_simulation_that_makes_no_sense_signs_nothing(desk: Desk, fields: dict[str, Any]):
    await refused(desk, await desk.plan(), "simulateTransaction", change(**fields))


async def test_a_simulation_that_does_not_say_how_it_went_signs_nothing(desk: Desk):
    def mute(told: Any) -> Any:
        del told["value"]["err"]
        return told

    await refused(desk, await desk.plan(), "simulateTransaction", mute)


async def test_answers_of_the_past_sign_nothing(desk: Desk):
    plan = await desk.plan()
    error = await refused(
        desk, plan, "simulateTransaction", lambda told: told | {"context": {"slot": told["context"]["slot"] - 1}}
    )
    assert "is behind" in error.reason
    assert await desk.network.sign(plan)


async def test_fees_beyond_all_bounds_are_not_paid(desk: Desk):
    """One that can be is capped; one that can't makes the answer garbage."""
    plan, cap = await desk.plan(), 100_000
    with spoilt(
        desk, "getRecentPrioritizationFees", lambda told: [one | {"prioritizationFee": 2**64 - 1} for one in told]
    ):
        swap = await desk.network.sign(plan)
    assert fee_lamports(swap.transaction) <= 2 * 5_000 + cap
    for fee in (2**64, 10**30, -1, 1.0, "1", True):
        await refused(
            desk, plan, "getRecentPrioritizationFees", lambda told, fee=fee: [{"slot": 1, "prioritizationFee": fee}]
        )


def account_of(place: int, **fields: Any) -> Spoil:
    def spoil(told: Any) -> Any:
        assert told["value"][place] is not None
        told["value"][place] |= fields
        return told

    return spoil


def bytes_of(place: int, offset: int, new: bytes) -> Spoil:
    def spoil(told: Any) -> Any:
        data = bytearray(base64.b64decode(told["value"][place]["data"][0]))
        data[offset : offset + len(new)] = new
        told["value"][place]["data"][0] = base64.b64encode(data).decode()
        return told

    return spoil


STRANGER = b"\7" * 32


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (account_of(0, owner=PROGRAM), "is a program's account"),
        (account_of(0, lamports=10**30), "getMultipleAccounts"),
        (account_of(0, data=["AAAA", "base64"]), "is a program's account"),
        (account_of(1, owner=PROGRAM), "is no token account"),
        (account_of(1, data=["", "base64"]), "is no token account"),
        (bytes_of(1, 0, STRANGER), "is another's"),
        (bytes_of(1, 32, STRANGER), "is another's"),
        (bytes_of(1, 108, b"\2"), "is frozen"),
        (bytes_of(1, 64, bytes(8)), "has 0 base units"),
        (bytes_of(2, 0, STRANGER), "is another's"),
        (bytes_of(2, 32, STRANGER), "is another's"),
        (bytes_of(2, 108, b"\2"), "is frozen"),
        (lambda told: told | {"value": told["value"][:2]}, "not as many accounts"),
        (lambda told: told | {"value": [None, *told["value"][1:]]}, "has no SOL"),
    ],
)
async def test_a_wallet_or_token_account_that_is_not_the_wallet_s_signs_nothing(desk: Desk, spoil: Spoil, reason: str):
    plan = await desk.plan("tUSD", "tBTC")
    assert reason in (await refused(desk, plan, "getMultipleAccounts", spoil)).reason
    assert await desk.network.sign(plan)


# What became of it


@pytest.mark.parametrize("method", ["getSignatureStatuses", "getTransaction", "getEpochInfo"])
async def test_garbage_instead_of_the_outcome_is_no_outcome(desk: Desk, method: str):
    swap = await landed(desk)
    for name, spoil in {**GARBAGE, "null": lambda _: None}.items():
        assert await untold(desk, swap, method, spoil), name
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED


def status_of(**fields: Any) -> Spoil:
    """Tell a status as of another, landed swap, whatever was asked."""

    def spoil(told: Any) -> Any:
        slot = told["context"]["slot"] - 50
        final = {"slot": slot, "confirmations": None, "err": None, "confirmationStatus": "finalized"}
        return told | {"value": [final | fields]}

    return spoil


ERROR = {"InstructionError": [3, {"Custom": 1}]}


@pytest.mark.parametrize("err", [None, ERROR], ids=["success", "failure"])
async def test_another_swap_s_status_is_neither_success_nor_failure_of_one_that_was_not_sent(desk: Desk, err: object):
    swap = await desk.network.sign(await desk.plan())
    assert "no node tells yet" in await untold(desk, swap, "getSignatureStatuses", status_of(err=err))
    assert (await desk.network.status(swap)).outcome is SwapOutcome.NOT_FOUND


async def test_another_swap_s_failure_is_not_that_of_one_that_landed(desk: Desk):
    """It would be tried anew, and so be done twice."""
    swap = await landed(desk)
    reason = await untold(desk, swap, "getSignatureStatuses", status_of(err=ERROR))
    assert "both that the swap failed and that it did not" in reason


async def test_another_swap_s_success_is_not_that_of_one_that_failed(desk: Desk):
    swap = await desk.network.sign(await desk.plan())
    desk.cluster.give(desk.cluster.pools[0].address, "tUSD", 1)
    await desk.network.send(swap)
    desk.slots(8)
    await untold(desk, swap, "getSignatureStatuses", status_of(err=None))
    assert (await desk.network.status(swap)).outcome is SwapOutcome.REVERTED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told | {"value": []},
        lambda told: told | {"value": told["value"] * 2},
        lambda told: told | {"value": [told["value"][0] | {"slot": told["context"]["slot"] + 1}]},
        lambda told: told | {"value": [told["value"][0] | {"slot": 10**30}]},
        lambda told: told | {"value": [told["value"][0] | {"err": "x" * 5_000}]},
        lambda told: told | {"value": [{k: v for k, v in told["value"][0].items() if k != "err"}]},
        lambda told: told | {"context": {"slot": 2**63}},
        lambda told: told | {"context": {"slot": told["value"][0]["slot"] - 1}},
    ],
)
async def test_a_status_that_makes_no_sense_is_no_outcome(desk: Desk, spoil: Spoil):
    swap = await landed(desk)
    assert "getSignatureStatuses" in await untold(desk, swap, "getSignatureStatuses", spoil)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED


@pytest.mark.parametrize("word", ["processed", "confirmed", "FINALIZED", "", None])
async def test_no_other_word_is_final(desk: Desk, word: str | None):
    swap = await landed(desk)
    with spoilt(desk, "getSignatureStatuses", status_of(confirmationStatus=word, err=ERROR)):
        assert (await desk.network.status(swap)).outcome is SwapOutcome.SEEN


async def test_a_node_of_the_past_proves_nobody_dead(desk: Desk):
    """The swap landed in its last moments; a lagging node, whose slot goes backwards, does not know it."""
    swap = await desk.network.sign(await desk.plan())
    desk.slots(WINDOW - 2)
    await desk.network.send(swap)
    desk.slots(30)
    height = await desk.network.height()
    assert height.block_height > swap.last_valid_block_height
    for behind in (27, 40, 170, 10**3):
        with spoilt(
            desk,
            "getSignatureStatuses",
            lambda told, behind=behind: {
                "context": {"slot": max(0, told["context"]["slot"] - behind)},
                "value": [None],
            },
        ):
            status = await desk.network.status(swap)
        assert status.outcome is SwapOutcome.NOT_FOUND and not proven_dead(swap, height, status)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told | {"blockHeight": told["absoluteSlot"]},
        lambda told: told | {"blockHeight": told["blockHeight"] + WINDOW + 10},
        lambda told: told | {"blockHeight": 2**62, "absoluteSlot": 2**61},
        lambda told: told | {"blockHeight": 10**30},
        lambda told: told | {"blockHeight": True},
    ],
)
async def test_a_height_that_cannot_be_proves_nobody_dead(desk: Desk, spoil: Spoil):
    swap = await desk.network.sign(await desk.plan())
    await untold(desk, swap, "getEpochInfo", spoil)


async def test_one_absurd_height_does_not_stop_the_process_for_good(desk: Desk):
    """Neither the first that is heard, nor one in between."""
    plan = await desk.plan()
    network = desk.another().network
    for _ in range(2):
        with spoilt(desk, "getEpochInfo", lambda _: {"blockHeight": 2**62, "absoluteSlot": 2**62}):
            for _ in range(2):
                with suppress(NetworkUnavailable):
                    await network.height()
        with suppress(NetworkUnavailable):
            await network.height()
        desk.slots(1)
        swap = await network.sign(plan)
        assert (await network.status(swap)).outcome is SwapOutcome.NOT_FOUND


def moved(**fields: Callable[[Any], Any]) -> Spoil:
    """Change what a transaction is said to have moved, field by field."""

    def spoil(told: Any) -> Any:
        for name, bend in fields.items():
            told["meta"][name] = bend(told["meta"][name])
        return told

    return spoil


def tokens(**fields: Any) -> Callable[[Any], Any]:
    return lambda told: [one | fields for one in told]


@pytest.mark.parametrize(
    "spoil",
    [
        moved(fee=lambda fee: fee + 1),
        moved(fee=lambda _: 10**30),
        moved(err=lambda _: ERROR),
        moved(postBalances=lambda told: [told[0] + 1, *told[1:]]),
        moved(postBalances=lambda told: [2**64 - 1, *told[1:]]),
        moved(postBalances=lambda told: told[:-1]),
        moved(preBalances=lambda told: told[:-1], postBalances=lambda told: told[:-1]),
        moved(preBalances=lambda told: [*told, 0], postBalances=lambda told: [*told, 0]),
        moved(postTokenBalances=lambda _: []),
        moved(preTokenBalances=lambda _: [], postTokenBalances=lambda _: []),
        moved(preTokenBalances=tokens(owner=address(5)), postTokenBalances=tokens(owner=address(5))),
        moved(postTokenBalances=tokens(mint=address(5))),
        moved(postTokenBalances=tokens(accountIndex=1)),
        moved(postTokenBalances=tokens(accountIndex=200)),
        moved(postTokenBalances=tokens(uiTokenAmount={"amount": "1" + "0" * 30})),
        moved(postTokenBalances=tokens(uiTokenAmount={"amount": "0"})),
        lambda told: told | {"meta": None},
        lambda told: told | {"transaction": [base64.b64encode(b"\1" + bytes(200)).decode(), "base64"]},
        lambda told: told | {"slot": -1},
    ],
)
async def test_balances_that_do_not_add_up_are_no_fill(desk: Desk, spoil: Spoil):
    swap = await landed(desk)
    await untold(desk, swap, "getTransaction", spoil)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED


async def test_another_transaction_than_was_asked_for_is_no_fill(desk: Desk):
    """Neither as it is, nor under the signature that was asked for."""
    swap = await landed(desk)
    other = await desk.network.sign(await desk.plan("tUSD", "SOL", number=2))
    await desk.network.send(other)
    desk.slots(8)
    heard: list[Any] = []
    with spoilt(desk, "getTransaction", lambda told: heard.append(told) or told):
        honest = await desk.network.status(other)
    assert isinstance(honest.fill, Fill)
    assert "another transaction" in await untold(desk, swap, "getTransaction", lambda _: heard[0])
    disguised = swap.transaction[:65] + other.transaction[65:]
    told = heard[0] | {"transaction": [base64.b64encode(disguised).decode(), "base64"]}
    assert "another transaction" in await untold(desk, swap, "getTransaction", lambda _: told)


async def test_sending_is_done_only_when_the_node_names_the_swap_s_own_signature(desk: Desk):
    swap = await desk.network.sign(await desk.plan())
    for spoil in (*GARBAGE.values(), lambda _: signature(5), lambda _: None, lambda told: told[:-1]):
        with spoilt(desk, "sendTransaction", spoil), pytest.raises(NetworkUnavailable):
            await desk.network.send(swap)
    await desk.network.send(swap)
    desk.slots(8)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED
    assert len(desk.cluster.chain.final()) == 1


async def test_a_history_that_is_claimed_to_be_cut_proves_nobody_dead(desk: Desk):
    swap = await desk.network.sign(await desk.plan())
    desk.slots(WINDOW + 20)
    height = await desk.network.height()
    for method, spoil in (
        ("getBlocks", lambda told: told[-10:]),
        ("getBlocks", lambda told: [*told[:-50], *told[-49:]]),
        ("getBlock", lambda told: told | {"blockHeight": told["blockHeight"] + 2_000}),
    ):
        with spoilt(desk, method, spoil):
            status = await desk.network.status(swap)
        assert status.outcome is SwapOutcome.UNKNOWN and not proven_dead(swap, height, status)
    for method in ("getBlocks", "getBlock"):
        for name, spoil in GARBAGE.items():
            assert await untold(desk, swap, method, spoil), name
    status = await desk.network.status(swap)
    assert proven_dead(swap, height, status)
