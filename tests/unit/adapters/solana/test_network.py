"""What the network signs, and what it says of it afterwards: nothing is signed in doubt, and nothing called final."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bestfill.decide import proven_dead
from bestfill.errors import BestfillError, ExecutionError, NetworkUnavailable, SlippageExceeded
from bestfill.quote import SwapOutcome
from bestfill.units import BaseUnits
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.fees import fee_lamports
from bestfill_adapters.solana.network import WINDOW, DryRun
from bestfill_adapters.solana.venue import SolanaVenue
from tests.unit.adapters.solana.desk import Desk, with_legs
from tools.cluster.cluster import SYSTEM, VENUES


async def refused(desk: Desk, plan: object = None) -> BestfillError:
    with pytest.raises(BestfillError) as caught:
        await desk.network.sign(plan or await desk.plan())  # pyright: ignore[reportArgumentType]
    assert desk.signer.signed == []
    return caught.value


async def test_a_process_without_a_key_signs_nothing(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan()
    with pytest.raises(ExecutionError, match="this process has no key to sign with"):
        await desk.gateway.network(None).sign(plan)


async def test_a_dry_run_simulates_tells_the_fee_and_signs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    desk = await Desk(tmp_path, dry_run=True).start()
    with caplog.at_level("INFO"):
        error = await refused(desk)
    assert isinstance(error, DryRun) and not error.retryable
    assert "simulateTransaction" in desk.way.asked and "sendTransaction" not in desk.way.asked
    (told,) = [record for record in caplog.records if record.message == "dry run: swap simulated"]
    fee = told.__dict__["fee_lamports"]
    assert error.reason == f"dry run: the simulation went well, at a fee of {fee} lamports"
    # Just what it would have been for real.
    again = await Desk(tmp_path).start()
    assert fee_lamports((await again.network.sign(await again.plan())).transaction) == fee


async def test_what_is_signed_is_the_one_message_that_was_simulated_but_for_its_limit(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    swap = await desk.network.sign(await desk.plan())
    assert desk.signer.signed == [swap.transaction[1 + 2 * 64 :]]  # the pool signs too
    assert desk.way.asked.count("simulateTransaction") == 1
    assert "sendTransaction" not in desk.way.asked


async def test_a_leg_of_an_unknown_market_is_refused_before_the_chain_simulates(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan()
    payload = plan.route[0].payload.replace(b"transfer_pool_a", b"transfer_pool_x")
    assert "there is no market transfer_pool_x here" in (await refused(desk, with_legs(plan, payload=payload))).reason
    assert "payload" in (await refused(desk, with_legs(plan, payload=b"\xff"))).reason
    assert "simulateTransaction" not in desk.way.asked


async def test_what_a_market_builds_is_held_against_the_plan_though_it_would_go_well(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan, venue = await desk.plan("tUSD", "tBTC"), desk.venues[VENUES[0]]
    assert isinstance(venue, SolanaVenue)
    honest = venue.market.swap

    def takes_more(terms: object, trader: object, amount_in: int, *bound: object, **way: object) -> object:
        return honest(terms, trader, amount_in + 1, *bound, **way)  # pyright: ignore[reportArgumentType]

    venue.market.swap = takes_more
    error = await refused(desk, plan)
    assert error.reason == f"a swap takes {plan.amount_in + 1} base units instead of {plan.amount_in}"
    assert "simulateTransaction" in desk.way.asked
    venue.market.swap = honest
    assert await desk.network.sign(plan)


async def test_what_would_fail_is_not_signed(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan()
    pool = desk.cluster.pools[0]
    desk.cluster.give(pool.address, "tUSD", 1)
    error = await refused(desk, plan)
    assert type(error) is ExecutionError and error.retryable
    assert error.reason.startswith('the swap would fail: {"InstructionError":')


def failing(*logs: str) -> Any:
    def spoil(result: Any) -> Any:
        result["value"] |= {"err": {"InstructionError": [4, {"Custom": 6001}]}, "logs": list(logs)}
        return result

    return spoil


@pytest.mark.parametrize(
    ("name", "slipped"),
    [
        ("ExceededSlippage", True),  # Raydium CPMM, Meteora DAMM v2
        ("TooLittleOutputReceived", True),  # Raydium CLMM
        ("ExceededAmountSlippageTolerance", True),  # Meteora DLMM
        ("PoolDisabled", False),
        ("SqrtPriceLimitOverflow", False),
    ],
)
async def test_a_price_that_moved_is_told_from_other_failures_by_the_program_s_own_word(
    tmp_path: Path, name: str, slipped: bool
):
    desk = await Desk(tmp_path).start()
    line = f"Program log: AnchorError thrown in programs/a/src/b.rs:1. Error Code: {name}. Error Number: 6001."
    desk.way.spoils["simulateTransaction"] = failing("Program log: Instruction: Swap", line)
    error = await refused(desk)
    assert (isinstance(error, SlippageExceeded), error.reason) == (slipped, f"the swap would fail: {name}")


async def test_without_the_program_s_word_the_chain_s_error_is_told(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    desk.way.spoils["simulateTransaction"] = failing("slippage, says somebody: Error Code: .", "x" * 5_000)
    error = await refused(desk)
    assert not isinstance(error, SlippageExceeded)
    assert error.reason == 'the swap would fail: {"InstructionError":[4,{"Custom":6001}]}'


async def test_a_swap_that_needs_more_computation_than_there_is_is_refused(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    desk.way.spoils["simulateTransaction"] = lambda result: (
        result | {"value": result["value"] | {"unitsConsumed": 1_400_001}}
    )
    assert "compute units" in (await refused(desk)).reason


async def test_a_wallet_without_sol_is_told_so(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan()
    desk.cluster.chain.put(desk.signer.address, SYSTEM, b"", 0)
    assert "has no SOL" in (await refused(desk, plan)).reason


@pytest.mark.parametrize(("sold", "bought"), [("SOL", "tUSD"), ("tUSD", "SOL"), ("tUSD", "tBTC")])
async def test_sol_that_somebody_sent_to_where_an_account_is_to_be_keeps_no_order_from_its_fill(
    tmp_path: Path, sold: str, bought: str
):
    desk = await Desk(tmp_path).start()
    for mint in (desk.cluster.mints["SOL"], desk.cluster.mints["tBTC"]):
        desk.cluster.chain.put(token_account(desk.signer.address, mint), SYSTEM, b"", 890_880)
    plan, quote = await desk.plan(sold, bought, VENUES[0]), await desk.quote(sold, bought)
    swap = await desk.network.sign(plan)
    await desk.network.send(swap)
    desk.slots(8)
    status = await desk.network.status(swap)
    assert status.fill and (status.fill.amount_in, status.fill.amount_out) == (plan.amount_in, quote.amount_out)


async def test_first_it_is_unknown_then_seen_then_landed_with_its_fill(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan("tUSD", "tBTC")
    quote = await desk.quote("tUSD", "tBTC")
    swap = await desk.network.sign(plan)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.NOT_FOUND
    await desk.network.send(swap)
    outcomes: list[SwapOutcome] = []
    for _ in range(7):
        desk.slots(1)
        status = await desk.network.status(swap)
        assert status.slot == desk.cluster.chain.slot
        assert (status.fill is None) == (status.outcome is not SwapOutcome.LANDED)
        outcomes.append(status.outcome)
    assert outcomes == [SwapOutcome.SEEN] * 4 + [SwapOutcome.LANDED] * 3
    assert status.fill and (status.fill.amount_in, status.fill.amount_out) == (plan.amount_in, quote.amount_out)


async def test_what_failed_on_the_chain_is_told_with_the_chain_s_error(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    swap = await desk.network.sign(await desk.plan())
    desk.cluster.give(desk.cluster.pools[0].address, "tUSD", 1)
    await desk.network.send(swap)
    desk.slots(2)
    assert (await desk.network.status(swap)).outcome is SwapOutcome.SEEN
    desk.slots(6)
    status = await desk.network.status(swap)
    assert status.outcome is SwapOutcome.REVERTED and status.fill is None
    assert json.loads(status.reason)["InstructionError"][1] == {"Custom": 1}


async def test_what_landed_is_not_told_before_some_node_tells_what_it_moved(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    swap = await desk.network.sign(await desk.plan())
    await desk.network.send(swap)
    desk.slots(8)
    desk.way.spoils["getTransaction"] = lambda _: None
    with pytest.raises(NetworkUnavailable, match="no node tells yet what it moved"):
        await desk.network.status(swap)
    desk.way.spoils.clear()
    assert (await desk.network.status(swap)).outcome is SwapOutcome.LANDED


async def test_a_swap_that_is_not_found_past_its_time_is_dead_only_to_a_history_that_is_long_enough(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    swap = await desk.network.sign(await desk.plan())
    desk.slots(WINDOW + 10)
    height = await desk.network.height()
    status = await desk.network.status(swap)
    assert status.outcome is SwapOutcome.NOT_FOUND and proven_dead(swap, height, status)

    desk.cluster.chain.rules = evolve(desk.cluster.chain.rules, history=WINDOW - 10)
    height = await desk.network.height()
    status = await desk.network.status(swap)
    assert status.outcome is SwapOutcome.UNKNOWN and not proven_dead(swap, height, status)


async def test_a_height_of_the_past_does_not_make_a_short_history_do(tmp_path: Path):
    """Others ask for the height too, and may get it from a node that lags, after it was read that proves a death."""
    desk = await Desk(tmp_path).start()
    swap = await desk.network.sign(await desk.plan())
    desk.cluster.chain.rules = evolve(desk.cluster.chain.rules, history=20)
    desk.slots(WINDOW + 10)
    await desk.network.height()
    desk.way.spoils["getEpochInfo"] = lambda told: {name: told[name] - 50 for name in ("blockHeight", "absoluteSlot")}
    assert (await desk.network.height()).block_height < swap.last_valid_block_height
    with pytest.raises(NetworkUnavailable, match="behind another"):
        await desk.network.status(swap)


async def test_before_its_time_is_over_the_history_is_not_asked_for(tmp_path: Path):
    desk = await Desk(tmp_path, history=20).start()
    swap = await desk.network.sign(await desk.plan())
    await desk.network.height()
    assert (await desk.network.status(swap)).outcome is SwapOutcome.NOT_FOUND
    assert "getBlocks" not in desk.way.asked


async def test_a_swap_is_told_of_by_a_process_that_never_saw_it_before(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    plan = await desk.plan("SOL", "tUSD", *VENUES)
    swap = await desk.network.sign(plan)
    await desk.network.send(swap)
    desk.slots(8)
    other = desk.another()
    status = await other.gateway.network(None).status(swap)
    assert status.fill and status.fill.amount_in == plan.amount_in


async def test_heights_that_cannot_be_of_one_chain_are_not_told(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    network = desk.network
    first = await network.height()
    desk.slots(3)
    desk.way.spoils["getEpochInfo"] = lambda told: told | {"blockHeight": told["absoluteSlot"]}
    for _ in range(3):  # many who ask at once get one answer
        with pytest.raises(NetworkUnavailable, match="contradicts"):
            await network.height()
    desk.way.spoils.clear()
    assert (await network.height()).block_height == first.block_height + 3


async def test_if_the_first_height_of_a_process_is_wrong_two_others_put_it_right(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    desk.way.spoils["getEpochInfo"] = lambda told: told | {"blockHeight": told["absoluteSlot"]}
    await desk.network.height()
    desk.way.spoils.clear()
    for _ in range(3):
        with pytest.raises(NetworkUnavailable, match="contradicts"):
            await desk.network.height()
    desk.slots(1)
    assert await desk.network.height() == await desk.network.height()


async def test_a_node_that_lags_contradicts_nobody(tmp_path: Path):
    desk = await Desk(tmp_path).start()
    first = await desk.network.height()
    desk.way.spoils["getEpochInfo"] = lambda told: (
        told
        | {
            "blockHeight": told["blockHeight"] - 5,
            "absoluteSlot": told["absoluteSlot"] - 6,
        }
    )
    assert (await desk.network.height()).block_height == first.block_height - 5


@pytest.mark.parametrize("amount", [1, 10**30])
async def test_a_plan_that_is_not_its_legs_sum_is_not_signed(tmp_path: Path, amount: int):
    desk = await Desk(tmp_path).start()
    plan = evolve(await desk.plan(), amount_in=BaseUnits(amount))
    await refused(desk, plan)
