"""The mock chain: a network that remembers signatures, expires blockhashes, and can drop, delay and revert."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bestfill.errors import ExecutionError, NetworkUnavailable, StoreError
from bestfill.ports import Clock, Network
from bestfill.quote import Fill, Height, SignedSwap, SwapOutcome, SwapPlan, SwapStatus
from bestfill.units import BaseUnits, Millis, Signature
from bestfill_adapters.mock import chance, transaction
from bestfill_adapters.mock.blocks import WINDOW, blockhash, height_at, height_of, last_slot, slot_at
from bestfill_adapters.mock.ledger import Landing, Ledger
from bestfill_adapters.settings import MockSettings

T = TypeVar("T")


class MockNetwork(Network):
    """One door to the mock chain, whose truth is the ledger: any number of processes may have one each.

    Whether and when a swap lands is drawn as it is sent and recorded ahead, so that a process that is killed does not
    unmake it. As on a real chain, nothing here keeps two signatures of one order from both landing.

    Args:
        late_ms: added to the time that every swap takes to land.
    """

    def __init__(self, ledger: Ledger, clock: Clock, settings: MockSettings, seed: str, *, late_ms: int = 0) -> None:
        self._ledger, self._clock, self._settings = ledger, clock, settings
        self._seed, self._late_ms = seed, late_ms
        self._latest = clock.now()
        self._sends: dict[Signature, tuple[int, int]] = {}
        """Times sent and last valid block height, of what may still land."""
        self._recording: dict[Signature, asyncio.Task[None]] = {}

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        """Make a transaction of the plan on the newest blockhash; sends nothing.

        Raises:
            ExecutionError: the plan is not one trade that its legs make up, or a leg is not for this network.
        """
        height = height_at(self._now())
        signed = transaction.encode(plan, blockhash(height))
        return SignedSwap(
            signature=transaction.signature(signed),
            transaction=signed,
            blockhash=blockhash(height),
            last_valid_block_height=height + WINDOW,
        )

    async def send(self, swap: SignedSwap) -> None:
        """Take the bytes, and let them land, revert or be lost.

        Raises:
            ExecutionError: the bytes are not a transaction of this chain, or the rest of the swap does not fit them.
            NetworkUnavailable: the ledger cannot be reached.
        """
        now = self._now()
        plan = _opened(swap)
        if height_at(now) < swap.last_valid_block_height - WINDOW:
            return  # as far as is known here, there is no such block yet
        landing = self._draw_landing(swap, plan, now)
        if landing is not None:
            await _reached(self._record(landing, last_slot(swap.last_valid_block_height)))

    async def height(self) -> Height:
        """Give the height and slot of now; what is on this chain is final at once."""
        now = self._now()
        return Height(height_at(now), slot_at(now))

    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Say whether a swap has landed by now.

        Raises:
            NetworkUnavailable: the ledger cannot be reached.
        """
        now = self._now()
        if (recording := self._recording.get(swap.signature)) is not None:
            # It was sent before it was asked for: "not found" would be a false proof of death.
            await asyncio.wait([recording])
        landing = await _reached(self._ledger.find(swap.signature, slot_at(now)))
        if landing is None or landing.landed_at > now:
            return SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=slot_at(now))
        if landing.outcome is SwapOutcome.LANDED:
            fill = Fill(amount_in=landing.amount_in, amount_out=landing.amount_out)
            return SwapStatus(outcome=SwapOutcome.LANDED, slot=slot_at(now), fill=fill)
        reason = f"the swap program failed in slot {landing.slot}"
        return SwapStatus(outcome=SwapOutcome.REVERTED, slot=slot_at(now), reason=reason)

    async def close(self) -> None:
        """Return when everything that was taken is recorded."""
        while self._recording:
            await asyncio.wait(self._recording.values())

    def _draw_landing(self, swap: SignedSwap, plan: SwapPlan, now: Millis) -> Landing | None:
        names = (self._seed, swap.signature, self._count(swap, now))
        if chance.happens(self._settings.drop_rate, *names, "drop"):
            return None
        wait_ms = chance.within(self._settings.confirm_ms, *names, "confirm") + self._late_ms
        landed_at = Millis(now + wait_ms)
        if height_at(landed_at) > swap.last_valid_block_height:
            return None
        reverts = chance.happens(self._settings.revert_rate, *names, "revert")
        lands = not reverts and transaction.keeps_its_bounds(plan)
        return Landing(
            signature=swap.signature,
            order_id=plan.order_id,
            outcome=SwapOutcome.LANDED if lands else SwapOutcome.REVERTED,
            amount_in=plan.amount_in if lands else BaseUnits(0),
            amount_out=transaction.pays(plan) if lands else BaseUnits(0),
            slot=slot_at(landed_at),
            landed_at=landed_at,
        )

    def _count(self, swap: SignedSwap, now: Millis) -> int:
        """Count how often a swap is sent, forgetting those that can't land any more."""
        while self._sends:
            oldest = next(iter(self._sends))
            if self._sends[oldest][1] >= height_at(now):
                break
            del self._sends[oldest]
        times = self._sends.get(swap.signature, (0, 0))[0] + 1
        self._sends[swap.signature] = (times, swap.last_valid_block_height)
        return times

    async def _record(self, landing: Landing, until: int) -> None:
        """Record a landing to the end, also if the sender is cancelled meanwhile."""
        task = self._recording.get(landing.signature)
        if task is None:
            task = asyncio.create_task(self._ledger.record(landing, until))
            self._recording[landing.signature] = task
            task.add_done_callback(lambda done: self._recorded(landing.signature, done))
        await asyncio.shield(task)

    def _recorded(self, signature: Signature, task: asyncio.Task[None]) -> None:
        del self._recording[signature]
        if not task.cancelled():
            task.exception()  # nobody may be left to ask for it

    def _now(self) -> Millis:
        """Give the chain's time, which stands still when the clock is set back: a chain's height never falls."""
        self._latest = max(self._latest, self._clock.now())
        return self._latest


def _opened(swap: SignedSwap) -> SwapPlan:
    if transaction.signature(swap.transaction) != swap.signature:
        raise ExecutionError("the signature is not of these bytes")
    plan, claimed = transaction.decode(swap.transaction)
    if (claimed, height_of(claimed) + WINDOW) != (swap.blockhash, swap.last_valid_block_height):
        raise ExecutionError("the blockhash or last valid block height is not the transaction's")
    return plan


async def _reached(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except StoreError as error:
        raise NetworkUnavailable(f"the mock chain's ledger does not answer: {error.reason}") from error
