"""The RPC client: what it asks, and how it reads what it is told."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Height
from bestfill.testing.clock import ManualClock
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.solana.account import Account
from bestfill_adapters.solana.rpc import Rpc
from bestfill_adapters.solana.rpc.answers import (
    Accounts,
    Blockhash,
    Blocks,
    Executed,
    Search,
    SignatureStatus,
    Simulation,
    Statuses,
    TokenBalance,
)
from tests.unit.adapters.solana.nodes import (
    SECRET,
    Node,
    Refusal,
    account,
    address,
    as_of,
    blockhash,
    in_turn,
    rpc,
    signature,
    status,
)

TRANSACTION = bytes([1]) + (3).to_bytes(64, "big") + b"message"
TEXT = base64.b64encode(TRANSACTION).decode()


def epoch(height: int, slot: int) -> dict[str, int]:
    return {"absoluteSlot": slot, "blockHeight": height, "epoch": 1, "slotIndex": 0, "slotsInEpoch": 9}


def executed(**meta: Any) -> dict[str, Any]:
    def balance(amount: str) -> dict[str, Any]:
        shown = {"amount": amount, "decimals": 6, "uiAmount": 0.1, "uiAmountString": "0.1"}
        return {"accountIndex": 1, "mint": address(8), "owner": address(9), "programId": "x", "uiTokenAmount": shown}

    told = {
        "err": None,
        "fee": 5_000,
        "preBalances": [10_000, 0],
        "postBalances": [5_000, 2**64 - 1],
        "preTokenBalances": [],
        "postTokenBalances": [balance(str(2**64 - 1))],
        "logMessages": [],
    }
    return {"slot": 77, "blockTime": 1, "transaction": [TEXT, "base64"], "version": 0, "meta": told | meta}


async def test_accounts_are_read_as_of_one_slot_in_the_order_asked_for():
    node = Node(getMultipleAccounts=as_of(50, [account(b"\0\xff", lamports=2**64 - 1), None]))
    read = await rpc(node).accounts([address(1), address(2), address(1)], 40)
    assert read == Accounts(slot=50, accounts={address(1): Account(address(9), b"\0\xff", 2**64 - 1), address(2): None})
    config = {"encoding": "base64", "commitment": "confirmed", "minContextSlot": 40}
    assert node.asked == [("getMultipleAccounts", [[address(1), address(2)], config])]


async def test_a_blockhash_is_that_of_a_confirmed_block():
    node = Node(getLatestBlockhash=blockhash(last=250, slot=120))
    assert await rpc(node).blockhash() == Blockhash(blockhash=address(7), last_valid_block_height=250, slot=120)
    assert node.asked == [("getLatestBlockhash", [{"commitment": "confirmed"}])]


@pytest.mark.parametrize(("last", "good"), [(249, False), (250, True), (270, True), (271, False)])
async def test_a_blockhash_that_would_make_a_live_swap_look_dead_is_refused(last: int, good: bool):
    node = Node(getEpochInfo=epoch(100, 110), getLatestBlockhash=blockhash(last=last, slot=120))
    client = rpc(node)
    assert await client.height() == Height(100, 110)
    if good:
        assert (await client.blockhash()).last_valid_block_height == last
    else:
        with pytest.raises(NetworkUnavailable, match="endpoint 1 of 1 "):
            await client.blockhash()


@pytest.mark.parametrize(
    ("err", "error", "code"),
    [
        (None, None, None),
        ({"InstructionError": [2, {"Custom": 6001}]}, '{"InstructionError":[2,{"Custom":6001}]}', 6001),
        ({"InstructionError": [2, {"Custom": 2**32}]}, '{"InstructionError":[2,{"Custom":4294967296}]}', None),
        ({"InstructionError": [2, {"Custom": True}]}, '{"InstructionError":[2,{"Custom":true}]}', None),
        ({"InstructionError": [0, "InvalidArgument"]}, '{"InstructionError":[0,"InvalidArgument"]}', None),
        ("BlockhashNotFound", '"BlockhashNotFound"', None),
        ({"Made": ["up", None]}, '{"Made":["up",null]}', None),
    ],
)
async def test_a_simulation_tells_the_chains_error_and_the_programs_own_code(err: Any, error: Any, code: Any):
    node = Node(simulateTransaction=as_of(50, {"err": err, "logs": ["a", "b"], "unitsConsumed": 9}))
    told = await rpc(node).simulate(TRANSACTION, 50)
    assert told == Simulation(error=error, custom_code=code, units=9, logs=("a", "b"))
    config = {
        "encoding": "base64",
        "sigVerify": False,
        "replaceRecentBlockhash": False,
        "commitment": "confirmed",
        "minContextSlot": 50,
    }
    assert node.asked == [("simulateTransaction", [TEXT, config])]


async def test_a_simulation_that_did_not_run_has_neither_units_nor_logs():
    node = Node(simulateTransaction=as_of(50, {"err": "AccountNotFound", "logs": None}))
    assert await rpc(node).simulate(TRANSACTION) == Simulation(
        error='"AccountNotFound"', custom_code=None, units=0, logs=()
    )


async def test_a_send_skips_what_could_keep_the_bytes_back():
    node = Node(sendTransaction=signature(3))
    await rpc(node).send(TRANSACTION)
    assert node.asked == [("sendTransaction", [TEXT, {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}])]


@pytest.mark.parametrize("answer", [Refusal(-32002, "already processed"), signature(4), None, "x"])
async def test_an_error_or_a_strange_answer_to_a_send_says_nothing(answer: Any):
    with pytest.raises(NetworkUnavailable):
        await rpc(Node(sendTransaction=answer)).send(TRANSACTION)


async def test_only_what_is_called_finalized_is_final():
    words = ["finalized", "confirmed", "processed", None, "Finalized", "rooted"]
    node = Node(getSignatureStatuses=lambda asked, _: as_of(9, [*(status(word=word) for word in words), None]))
    asked = [signature(n) for n in range(7)]
    told = await rpc(node).statuses(asked)
    assert [s and s.finalized for s in told.statuses] == [True, False, False, False, False, False, None]
    assert node.asked == [("getSignatureStatuses", [asked, {"searchTransactionHistory": True}])]


async def test_a_status_without_the_word_is_not_final():
    bare = {"slot": 7, "confirmations": None, "err": {"InstructionError": [0, {"Custom": 1}]}}
    told = await rpc(Node(getSignatureStatuses=as_of(9, [bare]))).statuses([signature(1)])
    error = '{"InstructionError":[0,{"Custom":1}]}'
    assert told == Statuses(slot=9, statuses=(SignatureStatus(slot=7, finalized=False, error=error),))


async def test_the_height_is_the_finalized_one_with_its_slot():
    node = Node(getEpochInfo=epoch(90, 100))
    assert await rpc(node).height() == Height(90, 100)
    assert node.asked == [("getEpochInfo", [{"commitment": "finalized"}])]


async def test_an_executed_transaction_comes_with_its_bytes_and_all_that_it_moved():
    node = Node(getTransaction=executed())
    assert await rpc(node).executed(signature(3)) == Executed(
        slot=77,
        transaction=TRANSACTION,
        error=None,
        fee=5_000,
        before=(10_000, 0),
        after=(5_000, 2**64 - 1),
        tokens_before=(),
        tokens_after=(TokenBalance(account_index=1, mint=address(8), owner=address(9), amount=2**64 - 1),),
    )
    config = {"encoding": "base64", "commitment": "finalized", "maxSupportedTransactionVersion": 0}
    assert node.asked == [("getTransaction", [signature(3), config])]


async def test_a_transaction_that_is_not_known_is_none():
    assert await rpc(Node(getTransaction=None)).executed(signature(3)) is None


async def test_a_transaction_that_one_node_has_forgotten_or_does_not_have_yet_is_asked_of_the_next():
    forgetful, ill, whole = Node(getTransaction=None), Node(), Node(getTransaction=executed())
    found = await rpc(forgetful, ill, whole).executed(signature(3))
    assert found is not None and found.slot == executed()["slot"]
    assert await rpc(forgetful, ill).executed(signature(3)) is None


async def test_another_transaction_than_was_asked_for_is_refused():
    with pytest.raises(NetworkUnavailable, match="another transaction than was asked for"):
        await rpc(Node(getTransaction=executed())).executed(signature(4))


async def test_priority_fees_are_those_of_the_accounts_that_are_written():
    node = Node(getRecentPrioritizationFees=[{"slot": 1, "prioritizationFee": 0}, {"slot": 2, "prioritizationFee": 9}])
    assert await rpc(node).priority_fees([address(1)]) == (0, 9)
    assert node.asked == [("getRecentPrioritizationFees", [[address(1)]])]


def history(first: int, known: Any = None, slot: int = 500, hole: range = range(0)) -> Node:
    """Give a node that has the blocks from a height on, but for a hole; slots are 1,000 ahead of heights."""

    def blocks(begin: int, end: int, config: Any) -> list[int]:
        assert config == {"commitment": "finalized"}
        return [n for n in range(max(begin, 1_000 + first), end + 1) if n - 1_000 not in hole]

    return Node(
        getBlocks=blocks,
        getBlock=lambda slot, config: {"blockHeight": slot - 1_000, "blockTime": 1, "parentSlot": slot - 1},
        getSignatureStatuses=lambda asked, _: as_of(slot, [known] * len(asked)),
    )


WITHIN = Blocks(first_height=60, last=Height(300, 1_300))
KNOWN = SignatureStatus(slot=7, finalized=True, error=None)


@pytest.mark.parametrize(
    ("nodes", "within", "expected"),
    [
        ([history(61)], None, Search(slot=500, status=None, complete=True)),
        ([history(60)], WITHIN, Search(slot=500, status=None, complete=True)),
        ([history(0)], WITHIN, Search(slot=500, status=None, complete=True)),
        ([history(61)], WITHIN, Search(slot=500, status=None, complete=False)),
        ([history(0, hole=range(90, 91))], WITHIN, Search(slot=500, status=None, complete=False)),
        ([history(0, hole=range(60, 61))], WITHIN, Search(slot=500, status=None, complete=False)),
        ([history(0, hole=range(30, 60))], WITHIN, Search(slot=500, status=None, complete=True)),
        ([history(61), history(70, slot=501)], WITHIN, Search(slot=500, status=None, complete=False)),
        ([history(61), history(60, slot=501)], WITHIN, Search(slot=501, status=None, complete=True)),
        ([history(60), history(0, status(slot=7), 502)], WITHIN, Search(slot=502, status=KNOWN, complete=True)),
        ([history(61), history(0, status(slot=7), 502)], WITHIN, Search(slot=502, status=KNOWN, complete=True)),
        ([history(60), Node()], WITHIN, Search(slot=500, status=None, complete=True)),
    ],
)
async def test_not_knowing_counts_only_with_every_block_and_only_if_nobody_knows(
    nodes: list[Node], within: Blocks | None, expected: Search
):
    assert await rpc(*nodes).search(signature(1), within) == expected


async def test_a_search_that_cannot_ask_those_who_might_know_says_nothing():
    with pytest.raises(NetworkUnavailable):
        await rpc(history(61), Node()).search(signature(1), WITHIN)


async def test_one_that_takes_no_two_questions_at_once_leaves_it_to_the_next():
    alone = envelopes(lambda told: told[0])
    assert (await rpc(alone, history(60, slot=501)).search(signature(1), WITHIN)).slot == 501


async def test_one_that_is_behind_is_no_witness_and_no_reason_to_ask_a_person():
    behind = history(0)
    behind.answers["getBlocks"] = list(range(1_000, 1_299))
    with pytest.raises(NetworkUnavailable, match="is behind the finalized slot"):
        await rpc(behind).search(signature(1), WITHIN)
    assert (await rpc(behind, history(60, slot=501)).search(signature(1), WITHIN)).slot == 501


async def test_after_half_a_day_nobody_is_asked_for_so_many_blocks():
    node = history(0)
    long_ago = Blocks(first_height=60, last=Height(200_000, 201_000))
    assert not (await rpc(node).search(signature(1), long_ago)).complete
    ((first, last, _),) = [params for method, params in node.asked if method == "getBlocks"]
    assert last - first == 100_000


async def test_who_does_not_know_a_signature_tells_in_the_same_request_which_blocks_it_has():
    """Behind one URL there may be many nodes: the blocks of another would say nothing of this one's ignorance."""
    node = history(60)
    await rpc(node).search(signature(1), WITHIN)
    first, together, block = (json.loads(request.content) for request in node.requests)
    assert first["method"] == "getSignatureStatuses"
    assert [one["method"] for one in together] == ["getSignatureStatuses", "getBlocks"]
    assert together[0]["params"] == [[signature(1)], {"searchTransactionHistory": True}]
    slot, config = block["params"]
    assert (block["method"], slot) == ("getBlock", 1_060)
    assert config["transactionDetails"] == "none" and config["rewards"] is False


async def test_what_becomes_known_while_the_blocks_are_asked_for_counts():
    node = history(60)
    node.answers["getSignatureStatuses"] = in_turn(as_of(500, [None]), as_of(501, [status()]))
    found = await rpc(node).search(signature(1), WITHIN)
    assert found.status is not None and found.slot == 501


async def test_a_block_that_one_node_has_forgotten_meanwhile_is_asked_of_the_next():
    pruned, whole = history(60), history(0)
    pruned.answers["getBlock"] = Refusal(-32001)
    assert (await rpc(pruned, whole).search(signature(1), WITHIN)).complete


def envelopes(change: Callable[[list[dict[str, Any]]], Any]) -> Node:
    """Give a node whose answers to several questions at once are changed."""
    node = history(60)

    async def answer(request: httpx.Request) -> httpx.Response:
        response = await Node.answer(node, request)
        told = json.loads(response.content)
        return httpx.Response(200, json=change(told)) if isinstance(told, list) else response

    node.answer = answer
    return node


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told[0], "does not answer several questions in one request"),
        (lambda told: told[:1], "answered other questions than those of the request"),
        (lambda told: [told[0], told[0]], "answered other questions than those of the request"),
        (lambda told: [told[0], told[1] | {"id": 0}], "answered other questions than those of the request"),
        (lambda told: [*told, told[1] | {"id": 0}], "answered other questions than those of the request"),
        (lambda told: [*told, told[1]], "answered other questions than those of the request"),
        (lambda told: [told[0], "nonsense"], "answered something else instead of JSON-RPC"),
        (lambda told: [told[0], told[1] | {"result": "1060"}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [-1, 1_300]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [1_299, 1_299, 1_300]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [1_300, 1_299]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [1_299, 1_301]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [10**30]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"result": [True, 1_300]}], "answered getBlocks with something else"),
        (lambda told: [told[0], told[1] | {"error": {"code": -32603}}], "refused getBlocks"),
        (lambda told: [told[0] | {"error": {"code": -32603}}, told[1]], "refused getSignatureStatuses"),
    ],
)
async def test_an_answer_to_several_questions_that_is_not_whole_tells_nothing(
    change: Callable[[list[dict[str, Any]]], Any], reason: str
):
    with pytest.raises(NetworkUnavailable, match=f"^endpoint 1 of 1 {reason}"):
        await rpc(envelopes(change)).search(signature(1), WITHIN)


async def test_the_answers_to_several_questions_may_come_in_any_order():
    found = await rpc(envelopes(lambda told: told[::-1])).search(signature(1), WITHIN)
    assert found == Search(slot=500, status=None, complete=True)


@pytest.mark.parametrize("asked", [[], [address(n) for n in range(101)]])
async def test_no_more_is_asked_for_than_a_node_answers(asked: list[str]):
    node = Node()
    with pytest.raises(ValueError, match="from 1 to 100"):
        await rpc(node).accounts(asked)
    assert not node.asked


async def test_requests_carry_the_urls_password_as_a_header_and_nothing_else_of_it():
    node = Node(getEpochInfo=in_turn(epoch(1, 1)))
    await rpc(node).height()
    (request,) = node.requests
    word = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {word}"
    assert request.headers["Accept-Encoding"] == "identity"
    assert "cookie" not in request.headers


async def test_answers_leave_no_cookies():
    node = Node(getEpochInfo=epoch(1, 1))
    client = rpc(node)
    for _ in range(2):
        await client.height()
    assert all("cookie" not in request.headers for request in node.requests)


@pytest.mark.parametrize(
    "urls", [[], [f"https://{SECRET}:{SECRET}/"], [f"https://h/\n{SECRET}"], ["https://ok", f"https://h/{SECRET}\0"]]
)
def test_a_url_that_does_not_do_is_named_by_its_number_alone(urls: list[str]):
    with pytest.raises(SettingsError, match="^BESTFILL_SOLANA_RPC: ") as caught:
        Rpc(urls, ManualClock())
    assert SECRET not in str(caught.value) and caught.value.__context__ is None


async def test_once_closed_it_says_so_to_those_who_wait_and_those_who_come():
    node = Node(getEpochInfo=lambda *_: asyncio.get_running_loop().create_future())
    client = rpc(node)
    waiting = asyncio.create_task(client.height())
    await asyncio.sleep(0)
    await client.close()
    for call in (waiting, client.height(), client.blockhash()):
        with pytest.raises(NetworkUnavailable, match="closed"):
            await call
