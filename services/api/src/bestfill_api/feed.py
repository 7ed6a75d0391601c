"""One subscription to the notifier for the whole process, spread to the sockets that follow a stream."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from bestfill.errors import BestfillError
from bestfill.events import OrderEvent
from bestfill.ports import Notifier
from bestfill.units import OrderId
from bestfill_api.subscriber import Subscriber, frame

BUFFER: Final = 1_000
"""How many events a socket may lag behind."""
SERVICE_RESTART: Final = 1012

log = logging.getLogger(__name__)


class Dispatcher:
    """Passes the notifier's events on to the subscribers of their order and of their user.

    When the notifier may have skipped some, or could not be heard for a while, every subscriber is told to look in
    the store.
    """

    def __init__(self, notifier: Notifier, retry_s: float = 1.0) -> None:
        self._notifier, self._retry_s = notifier, retry_s
        self._orders: dict[str, set[Subscriber]] = {}
        self._users: dict[str, set[Subscriber]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def subscriptions(self) -> int:
        """How many streams are followed."""
        return len(self._orders) + len(self._users)

    async def start(self) -> None:
        """Listen from now on; returns once the first subscription was tried."""
        tried = asyncio.Event()
        self._task = asyncio.create_task(self._keep_listening(tried))
        await tried.wait()

    async def stop(self) -> None:
        """Listen no more, and have every socket closed."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for subscriber in self._everyone():
            subscriber.end(SERVICE_RESTART)

    @contextmanager
    def order(self, order_id: OrderId) -> Iterator[Subscriber]:
        """Follow one order while the context lasts."""
        with _subscribed(self._orders, order_id) as subscriber:
            yield subscriber

    @contextmanager
    def user(self, user_id: str) -> Iterator[Subscriber]:
        """Follow all orders of one user while the context lasts."""
        with _subscribed(self._users, user_id) as subscriber:
            yield subscriber

    async def _keep_listening(self, tried: asyncio.Event) -> None:
        while True:
            try:
                async with self._notifier.subscribe() as batches:
                    tried.set()
                    self._lose_all()
                    async for batch in batches:
                        self._deliver(batch)
            except BestfillError as error:
                log.warning("notifier not heard", extra={"reason": error.reason})
            except Exception:
                log.exception("notifier not heard")
            tried.set()
            await asyncio.sleep(self._retry_s)

    def _deliver(self, batch: Sequence[OrderEvent]) -> None:
        if not batch:
            self._lose_all()
        for event in batch:
            by_order, by_user = self._orders.get(event.order_id, ()), self._users.get(event.user_id, ())
            if by_order or by_user:
                encoded = frame(event)
                for subscriber in by_order:
                    subscriber.offer(event.seq, encoded)
                for subscriber in by_user:
                    subscriber.offer(event.user_seq, encoded)

    def _lose_all(self) -> None:
        for subscriber in self._everyone():
            subscriber.lose()

    def _everyone(self) -> list[Subscriber]:
        return [s for table in (self._orders, self._users) for followers in table.values() for s in followers]


@contextmanager
def _subscribed(table: dict[str, set[Subscriber]], key: str) -> Iterator[Subscriber]:
    subscriber = Subscriber(BUFFER)
    followers = table.setdefault(key, set())
    followers.add(subscriber)
    try:
        yield subscriber
    finally:
        followers.discard(subscriber)
        if not followers:
            del table[key]
