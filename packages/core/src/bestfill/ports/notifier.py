"""The notifier."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bestfill.events import OrderEvent


class Notifier(Protocol):
    """Spreads committed events to whoever watches. A hint, never the truth: readers re-read the store on a gap."""

    @abstractmethod
    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Pass events on to every subscriber. MUST NOT wait for slow ones.

        Raises:
            QueueError: the hint could not be given.
        """

    @abstractmethod
    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[OrderEvent]]]:
        """Open a subscription: from entering on, every event that is published is given, in batches.

        The iteration ends when the context is left; it may skip events, and says so by giving an empty batch.
        """
