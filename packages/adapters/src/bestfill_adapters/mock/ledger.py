"""The mock chain's memory of what landed, as the network needs it kept."""

from abc import abstractmethod
from typing import Protocol

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


class Ledger(Protocol):
    """Keeps landings by signature. What is recorded is never changed.

    Both methods raise StoreError when the ledger cannot be reached; whether a landing was recorded is then not known.
    """

    @abstractmethod
    async def record(self, landing: Landing) -> None:
        """Keep a landing, unless its signature has one already. Returning means that `find` gives it."""

    @abstractmethod
    async def find(self, signature: Signature) -> Landing | None:
        """Give a signature's landing."""


class MemoryLedger(Ledger):
    """A ledger that is gone with its process."""

    def __init__(self) -> None:
        self.landings: dict[Signature, Landing] = {}

    async def record(self, landing: Landing) -> None:
        """Keep a landing, unless its signature has one already."""
        self.landings.setdefault(landing.signature, landing)

    async def find(self, signature: Signature) -> Landing | None:
        """Give a signature's landing."""
        return self.landings.get(signature)
