"""The mock chain is a chain."""

import asyncio
import hashlib

import pytest
from attrs import evolve

from bestfill.decide import proven_dead
from bestfill.errors import ExecutionError, NetworkUnavailable, StoreError
from bestfill.quote import SignedSwap, SwapOutcome
from bestfill.testing.clock import ManualClock
from bestfill.units import Signature, base58_decode, base58_encode
from bestfill_adapters.mock import transaction
from bestfill_adapters.mock.blocks import SLOT_MS, WINDOW, blockhash
from bestfill_adapters.mock.ledger import Landing, Ledger, MemoryLedger
from bestfill_adapters.mock.network import MockNetwork
from tests.unit.adapters.mock.chain import network, plan, split

NOT_FOUND, LANDED, REVERTED = SwapOutcome.NOT_FOUND, SwapOutcome.LANDED, SwapOutcome.REVERTED


class HeldLedger(MemoryLedger):
    """Records only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def record(self, landing: Landing, last_slot: int) -> None:
        self.asked.set()
        await self.let.wait()
        await super().record(landing, last_slot)


class BrokenLedger(Ledger):
    async def record(self, landing: Landing, last_slot: int) -> None:
        raise StoreError("the disk is full")

    async def find(self, signature: Signature, slot: int = 0) -> Landing | None:
        raise StoreError("the disk is full")


async def outcome(chain: MockNetwork, swap: SignedSwap) -> SwapOutcome:
    return (await chain.status(swap)).outcome


async def test_signing_is_repeatable_within_a_block_and_differs_after_it():
    clock = ManualClock()
    chain = network(clock)
    first, again, other_attempt = [await chain.sign(p) for p in (plan(), plan(), plan(attempt=2))]
    clock.advance(SLOT_MS)
    later = await chain.sign(plan())
    assert first == again
    assert len({first.signature, other_attempt.signature, later.signature}) == 3
    assert len(base58_decode(first.signature)) == 64
    assert first.last_valid_block_height == (await network(ManualClock()).height()).block_height + WINDOW


async def test_a_swap_lands_at_its_moment_and_not_before():
    clock, ledger = ManualClock(), MemoryLedger()
    chain = network(clock, ledger, confirm_ms=(2_000, 2_000))
    swap = await chain.sign(plan())
    await chain.send(swap)
    clock.advance(1_999)
    assert await outcome(chain, swap) is NOT_FOUND
    clock.advance(1)
    status = await chain.status(swap)
    assert status.outcome is LANDED and status.fill is not None
    assert (status.fill.amount_in, status.fill.amount_out) == (1_500_000_000, 213_000_000)
    assert status.slot == (await chain.height()).slot == ledger.landings[swap.signature].slot


async def test_zero_latency_lands_at_once():
    chain = network(ManualClock())
    swap = await chain.sign(plan())
    await chain.send(swap)
    assert await outcome(chain, swap) is LANDED


async def test_landing_takes_as_long_as_the_range_says_and_a_delay_adds_to_it():
    for late_ms in (0, 10_000):
        clock, ledger = ManualClock(), MemoryLedger()
        chain = network(clock, ledger, confirm_ms=(2_000, 3_000), late_ms=late_ms)
        for number in range(100):
            await chain.send(await chain.sign(plan(number)))
        waits = sorted(landing.landed_at - clock.now() - late_ms for landing in ledger.landings.values())
        assert len(waits) == 100
        assert 2_000 <= waits[0] < 2_100 and 2_900 < waits[-1] <= 3_000


async def test_every_network_on_one_ledger_sees_one_chain():
    clock, ledger = ManualClock(), MemoryLedger()
    one = network(clock, ledger, confirm_ms=(2_000, 2_000))
    swap = await one.sign(plan())
    await one.send(swap)
    clock.advance(2_000)
    other = network(clock, ledger, seed="another")
    assert await outcome(other, swap) is LANDED
    await other.send(swap)
    assert len(ledger.landings) == 1


async def test_sending_again_changes_nothing():
    clock, ledger = ManualClock(), MemoryLedger()
    chain = network(clock, ledger, confirm_ms=(0, 60_000), revert_rate=500_000)
    swap = await chain.sign(plan())
    await chain.send(swap)
    recorded = dict(ledger.landings)
    for _ in range(20):
        clock.advance(100)
        await chain.send(swap)
    assert ledger.landings == recorded


async def test_two_signatures_of_one_order_may_both_land_as_on_any_chain():
    chain = network(ManualClock())
    swaps = [await chain.sign(plan(attempt=n)) for n in (1, 2)]
    for swap in swaps:
        await chain.send(swap)
    assert [await outcome(chain, swap) for swap in swaps] == [LANDED, LANDED]


@pytest.mark.parametrize(("blocks", "expected"), [(150, LANDED), (151, NOT_FOUND)])
async def test_a_blockhash_expires_150_blocks_after_its_own(blocks: int, expected: SwapOutcome):
    clock = ManualClock()
    chain = network(clock)
    swap = await chain.sign(plan())
    clock.advance(blocks * SLOT_MS)
    await chain.send(swap)
    assert await outcome(chain, swap) is expected


@pytest.mark.parametrize("late", [False, True])
async def test_what_would_land_past_the_last_valid_block_never_lands(late: bool):
    clock, ledger = ManualClock(), MemoryLedger()
    chain = network(clock, ledger, late_ms=WINDOW * SLOT_MS + (SLOT_MS if late else 0))
    swap = await chain.sign(plan())
    await chain.send(swap)
    assert bool(ledger.landings) is not late


async def test_a_swap_is_proven_dead_exactly_when_it_can_land_no_more():
    clock = ManualClock()
    chain = network(clock, drop_rate=1_000_000)
    swap = await chain.sign(plan())
    await chain.send(swap)
    clock.advance(WINDOW * SLOT_MS)
    assert not proven_dead(swap, await chain.height(), await chain.status(swap))
    clock.advance(SLOT_MS)
    assert proven_dead(swap, await chain.height(), await chain.status(swap))


async def test_a_lost_send_is_drawn_anew_each_time():
    ledger = MemoryLedger()
    chain = network(ManualClock(), ledger, drop_rate=900_000)
    swap = await chain.sign(plan())
    sends = 0
    while not ledger.landings:
        await chain.send(swap)
        sends += 1
        assert sends < 500
    assert sends > 1


@pytest.mark.parametrize("rate", [300_000, 700_000])
async def test_drops_and_reverts_come_as_often_as_set(rate: int):
    dropped, reverted = MemoryLedger(), MemoryLedger()
    clock = ManualClock()
    for number in range(300):
        swap = await network(clock).sign(plan(number))
        await network(clock, dropped, drop_rate=rate).send(swap)
        await network(clock, reverted, revert_rate=rate).send(swap)
    assert abs((300 - len(dropped.landings)) - 300 * rate / 10**6) < 45
    reverts = [landing for landing in reverted.landings.values() if landing.outcome is REVERTED]
    assert abs(len(reverts) - 300 * rate / 10**6) < 45


async def test_the_draws_follow_from_the_seed_whatever_the_order_of_sending():
    clock = ManualClock()
    ledgers = [MemoryLedger(), MemoryLedger(), MemoryLedger()]
    swaps = [await network(clock).sign(plan(number)) for number in range(50)]
    knobs = {"drop_rate": 300_000, "revert_rate": 300_000, "confirm_ms": (0, 9_000)}
    for ledger, seed, order in zip(ledgers, ("a", "a", "b"), (1, -1, 1), strict=True):
        chain = network(clock, ledger, seed=seed, **knobs)
        await asyncio.gather(*(chain.send(swap) for swap in swaps[::order]))
    assert ledgers[0].landings == ledgers[1].landings
    assert ledgers[0].landings != ledgers[2].landings


async def test_a_revert_swaps_nothing_and_says_why():
    ledger = MemoryLedger()
    chain = network(ManualClock(), ledger, revert_rate=1_000_000)
    swap = await chain.sign(plan())
    await chain.send(swap)
    status = await chain.status(swap)
    assert (status.outcome, status.fill) == (REVERTED, None)
    assert "failed" in status.reason
    landing = ledger.landings[swap.signature]
    assert (landing.amount_in, landing.amount_out) == (0, 0)


@pytest.mark.parametrize("swapped", [plan(quoted=211_999_999), split(plan(quoted=211_999_998))])
async def test_a_fill_below_the_bound_reverts(swapped):
    chain = network(ManualClock())
    swap = await chain.sign(swapped)
    await chain.send(swap)
    assert await outcome(chain, swap) is REVERTED


async def test_a_split_route_fills_as_one():
    chain = network(ManualClock())
    swap = await chain.sign(split(plan()))
    await chain.send(swap)
    fill = (await chain.status(swap)).fill
    assert fill is not None and (fill.amount_in, fill.amount_out) == (1_500_000_000, 213_000_000)


def sealed(data: bytes, swap: SignedSwap) -> SignedSwap:
    """Sign other bytes as only this chain could."""
    signature = Signature(base58_encode(hashlib.sha512(data).digest()))
    return evolve(swap, transaction=data, signature=signature)


async def test_what_is_forged_is_refused():
    clock, ledger = ManualClock(), MemoryLedger()
    chain = network(clock, ledger)
    swap = await chain.sign(plan())
    other = await chain.sign(plan(2))
    alien = sealed(transaction.encode(plan(), "1" * 32), evolve(swap, blockhash="1" * 32))
    for forged in (
        evolve(swap, transaction=swap.transaction + b" "),
        evolve(swap, transaction=b""),
        evolve(swap, transaction=other.transaction),
        evolve(swap, signature=other.signature),
        evolve(swap, last_valid_block_height=swap.last_valid_block_height + 1),
        evolve(swap, blockhash=blockhash(swap.last_valid_block_height)),
        sealed(b"{}", swap),
        sealed(swap.transaction.replace(b"1500000000", b"1500000001", 1), swap),
        alien,
    ):
        with pytest.raises(ExecutionError):
            await chain.send(forged)
    assert ledger.landings == {}


async def test_a_block_that_is_not_there_yet_is_no_longer_life():
    clock, ledger = ManualClock(), MemoryLedger()
    ahead = ManualClock(clock.now() + SLOT_MS)
    swap = await network(ahead).sign(plan())
    await network(clock, ledger).send(swap)
    assert ledger.landings == {}


async def test_what_is_being_recorded_is_never_said_to_be_missing():
    clock, ledger = ManualClock(), HeldLedger()
    chain = network(clock, ledger)
    swap = await chain.sign(plan())
    sending = asyncio.create_task(chain.send(swap))
    await ledger.asked.wait()
    clock.advance((WINDOW + 1) * SLOT_MS)
    asking = asyncio.create_task(chain.status(swap))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not asking.done()
    ledger.let.set()
    assert (await asking).outcome is LANDED
    await sending


async def test_a_sender_that_is_cancelled_does_not_unmake_what_it_sent():
    ledger = HeldLedger()
    chain = network(ManualClock(), ledger)
    swap = await chain.sign(plan())
    sending = asyncio.create_task(chain.send(swap))
    await ledger.asked.wait()
    sending.cancel()
    assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], asyncio.CancelledError)
    closing = asyncio.create_task(chain.close())
    await asyncio.sleep(0)
    assert not closing.done()
    ledger.let.set()
    await closing
    assert list(ledger.landings) == [swap.signature]


async def test_a_ledger_that_fails_is_a_network_that_cannot_be_asked():
    chain = network(ManualClock(), BrokenLedger())
    swap = await chain.sign(plan())
    with pytest.raises(NetworkUnavailable):
        await chain.send(swap)
    with pytest.raises(NetworkUnavailable):
        await chain.status(swap)


async def test_the_chain_does_not_go_back_with_the_clock():
    clock = ManualClock()
    chain = network(clock)
    swap = await chain.sign(plan())
    clock.advance((WINDOW + 1) * SLOT_MS)
    before = await chain.height()
    assert proven_dead(swap, before, await chain.status(swap))
    clock.advance(-WINDOW * SLOT_MS)
    await chain.send(swap)
    assert await chain.height() == before
    assert await outcome(chain, swap) is NOT_FOUND


async def test_what_can_land_no_more_is_forgotten():
    clock = ManualClock()
    chain = network(clock, drop_rate=1_000_000)
    for _ in range(5):
        for number in range(10):
            await chain.send(await chain.sign(plan(number)))
        clock.advance((WINDOW + 1) * SLOT_MS)
    await chain.send(await chain.sign(plan()))
    assert len(chain._sends) == 1
