"""The notifier."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bestfill.events import OrderEvent


class Notifier(Protocol):
    """Spreads committed events to whoever watches, in this process or in others.

    A hint, never the truth: it may lose, repeat and reorder events; who needs them all looks in the store.
    """

    @abstractmethod
    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Pass events on to every subscriber, those of one call in their order.

        MUST NOT wait for slow ones, nor for what passes them on to get well: orders wait for this call. Returning means
        taken, not delivered; what is dropped afterwards, subscribers MUST be told of as soon as they can be.

        Raises:
            QueueError: the hint could not be given.
        """

    @abstractmethod
    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[OrderEvent]]]:
        """Open a subscription: from entering on, every event that is published is given, in batches.

        What was published shortly before may come too. The iteration ends when the context is left. It may skip events,
        and MUST say so by an empty batch; while nothing can be heard, it MUST give one about every second.

        Raises:
            QueueError: on entering: it cannot be opened.
        """
