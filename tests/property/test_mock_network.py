"""Whatever is sent when, a signature lands at most once, and never past its last valid block."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from bestfill.decide import proven_dead
from bestfill.quote import SwapOutcome
from bestfill.testing.clock import ManualClock
from bestfill_adapters.mock.blocks import SLOT_MS, WINDOW, height_at
from bestfill_adapters.mock.ledger import Landing, MemoryLedger
from tests.unit.adapters.mock.chain import network, plan

RATES = st.sampled_from([0, 100_000, 500_000, 900_000, 1_000_000])
MS = st.integers(0, 2 * WINDOW * SLOT_MS)
WAITS = st.lists(MS | st.integers(0, 3_000), min_size=1, max_size=12)


class CountingLedger(MemoryLedger):
    """Notices if a landing were ever replaced."""

    async def record(self, landing: Landing, last_slot: int) -> None:
        before = self.landings.get(landing.signature)
        await super().record(landing, last_slot)
        assert before is None or self.landings[landing.signature] == before


@settings(deadline=None)
@given(
    seed=st.text(max_size=4),
    drop=RATES,
    revert=RATES,
    confirm=st.tuples(MS, MS).map(sorted).map(tuple),
    late_ms=MS,
    waits=WAITS,
)
def test_a_signature_has_one_fate(
    seed: str, drop: int, revert: int, confirm: tuple[int, int], late_ms: int, waits: list[int]
):
    async def story() -> None:
        clock, ledger = ManualClock(), CountingLedger()
        knobs = {"drop_rate": drop, "revert_rate": revert, "confirm_ms": confirm}
        # A restart forgets how often a swap was sent, but not what the ledger holds.
        doors = [network(clock, ledger, seed=seed, late_ms=late_ms, **knobs) for _ in range(2)]
        swap = await doors[0].sign(plan())
        fate, dead = None, False
        for turn, wait in enumerate(waits):
            door = doors[turn % 2]
            await asyncio.gather(door.send(swap), door.send(swap))
            clock.advance(wait)
            height = await door.height()
            status = await door.status(swap)
            assert fate in (None, (status.outcome, status.fill)), "a fate that was told has changed"
            if status.outcome is not SwapOutcome.NOT_FOUND:
                assert not dead, "it landed although it was proven dead"
                fate = (status.outcome, status.fill)
            dead = dead or proven_dead(swap, height, status)
        assert len(ledger.landings) <= 1
        for landing in ledger.landings.values():
            assert height_at(landing.landed_at) <= swap.last_valid_block_height
            assert drop < 1_000_000
            assert (landing.outcome is SwapOutcome.REVERTED) or revert < 1_000_000
            assert (landing.outcome is SwapOutcome.LANDED) or revert > 0

    asyncio.run(story())


@settings(deadline=None)
@given(seed=st.text(max_size=4), waits=WAITS)
def test_what_is_always_dropped_never_lands_and_is_proven_dead_in_the_end(seed: str, waits: list[int]):
    async def story() -> None:
        clock, ledger = ManualClock(), MemoryLedger()
        door = network(clock, ledger, seed=seed, drop_rate=1_000_000)
        swap = await door.sign(plan())
        for wait in waits:
            await door.send(swap)
            clock.advance(wait)
        clock.advance((WINDOW + 1) * SLOT_MS)
        assert ledger.landings == {}
        assert proven_dead(swap, await door.height(), await door.status(swap))

    asyncio.run(story())
