"""A notifier within one process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bestfill.events import OrderEvent
from bestfill.ports import Notifier

BUFFER: Final = 10_000
"""How many events a subscriber may lag behind."""


class MemoryNotifier(Notifier):
    """Passes events on to every subscriber, each with a bounded buffer of its own.

    Whoever lags by more than `buffer` events loses all that it has not read, is given an empty batch instead, and goes
    on from there.
    """

    def __init__(self, buffer: int = BUFFER) -> None:
        self._buffer = buffer
        self._subscriptions: set[_Subscription] = set()
        self._closed = False

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Put the events into every subscriber's buffer; never waits."""
        for subscription in self._subscriptions:
            subscription.add(events)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[OrderEvent]]]:
        """Open a subscription; its iteration ends when the context is left or the notifier closes."""
        subscription = _Subscription(self._buffer)
        if self._closed:
            subscription.end()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.clear()
            subscription.end()

    def close(self) -> None:
        """End every iteration, those to come too, once it has given what it holds."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()


class _Subscription(AsyncIterator[Sequence[OrderEvent]]):
    def __init__(self, buffer: int) -> None:
        self._buffer = buffer
        self._events: list[OrderEvent] = []
        self._lost = self._ended = False
        self._changed = asyncio.Event()

    def add(self, events: Sequence[OrderEvent]) -> None:
        if len(self._events) + len(events) > self._buffer:
            self._events.clear()
            self._lost = True
        else:
            self._events += events
        self._changed.set()

    def clear(self) -> None:
        self._events.clear()
        self._lost = False

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def __anext__(self) -> Sequence[OrderEvent]:
        while not (self._lost or self._events):
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._lost:
            self._lost = False
            return ()
        batch, self._events = self._events, []
        return batch
