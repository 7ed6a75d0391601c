"""The mock chain's memory of what landed, as the network needs it kept."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import frozen

from bestfill.quote import SwapOutcome
from bestfill.units import BaseUnits, Millis, OrderId, Signature


@frozen(kw_only=True)
class Landing:
    """A swap that is, or is about to be, on the mock chain: `landed_at` may lie in the future.

    `outcome` is LANDED, or REVERTED with both amounts 0, since nothing was swapped.
    """

    signature: Signature
    order_id: OrderId
    outcome: SwapOutcome
    amount_in: BaseUnits
    amount_out: BaseUnits
    slot: int
    landed_at: Millis


def to_row(landing: Landing) -> tuple[str | int, ...]:
    """Give a landing as a row of `mock_landings`."""
    return (
        landing.signature,
        landing.order_id,
        landing.outcome.value,
        str(landing.amount_in),
        str(landing.amount_out),
        landing.slot,
        landing.landed_at,
    )


def to_landing(row: tuple[Any, ...]) -> Landing:
    """Read a row of `mock_landings`."""
    signature, order_id, outcome, amount_in, amount_out, slot, landed_at = row
    return Landing(
        signature=signature,
        order_id=order_id,
        outcome=SwapOutcome(outcome),
        amount_in=BaseUnits(int(amount_in)),
        amount_out=BaseUnits(int(amount_out)),
        slot=slot,
        landed_at=landed_at,
    )


class Ledger(Protocol):
    """Keeps landings by signature. What is recorded is never changed.

    What has been told of the past stays true: a signature that was not found as of a slot after its last valid one is
    dead. From then on it MUST NOT be recorded any more, whichever process tries, however long ago it began to.

    Both methods raise StoreError when the ledger cannot be reached; whether a landing was recorded is then not known.
    """

    @abstractmethod
    async def record(self, landing: Landing, last_slot: int) -> None:
        """Keep a landing, unless its signature has one, or the ledger was looked at as of a slot after `last_slot`."""

    @abstractmethod
    async def find(self, signature: Signature, slot: int = 0) -> Landing | None:
        """Give a signature's landing, as of a slot: what is to be recorded by then and is not yet never will be."""


class MemoryLedger(Ledger):
    """A ledger that is gone with its process."""

    def __init__(self) -> None:
        self.landings: dict[Signature, Landing] = {}
        self._slot = 0

    async def record(self, landing: Landing, last_slot: int) -> None:
        """Keep a landing, if there is none and it is not too late."""
        if last_slot >= self._slot:
            self.landings.setdefault(landing.signature, landing)

    async def find(self, signature: Signature, slot: int = 0) -> Landing | None:
        """Give a signature's landing."""
        self._slot = max(self._slot, slot)
        return self.landings.get(signature)


class Tip:
    """The latest slot as of which a ledger has been looked at: moved on at most once a slot, by one caller for all.

    `move` makes it so that nothing can be recorded any more whose last slot is before this one, and returns when all
    that was recorded before can be found.
    """

    def __init__(self, move: Callable[[int], Awaitable[None]]) -> None:
        self._move = move
        self._lock = asyncio.Lock()
        self.slot = 0

    async def reach(self, slot: int) -> None:
        """Move it to a slot, unless it is there."""
        if slot > self.slot:
            async with self._lock:
                if slot > self.slot:
                    await self._move(slot)
                    self.slot = slot
