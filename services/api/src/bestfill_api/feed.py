"""One subscription to the notifier for the whole process, spread to the sockets that follow a stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias, TypeVar

from bestfill.errors import BestfillError, StoreError
from bestfill.events import OrderEvent
from bestfill.ports import Notifier, OrderStore
from bestfill.units import OrderId
from bestfill_api.closing import Closing
from bestfill_api.subscriber import Subscriber, frame

BUFFER: Final = 1_000
"""How many events a socket may lag behind."""
ASK: Final = 1_000
"""How many streams the store is asked about at once."""

Key = TypeVar("Key", bound=str)
Followers: TypeAlias = dict[Subscriber, None]
"""Those who follow one stream, in the order in which they came."""

log = logging.getLogger(__name__)


class Dispatcher:
    """Passes the notifier's events on to the subscribers of their order and of their user, and all to `hear`.

    The notifier may lose events, so every `check_s` seconds, and soon after it says that it may have skipped some, the
    store is asked how far all the followed streams have come, with one question for up to ASK of them. Only sockets
    that wait for less than there is read the store themselves. After a failure of either it is tried again in
    `retry_s`, and the store is asked no more often than that.
    """

    def __init__(
        self,
        notifier: Notifier,
        store: OrderStore,
        hear: Callable[[Sequence[OrderEvent]], None],
        retry_s: float = 0.5,
        check_s: float = 3.0,
    ) -> None:
        self._notifier, self._store, self._hear = notifier, store, hear
        self._retry_s, self._check_s = retry_s, check_s
        self._orders: dict[OrderId, Followers] = {}
        self._users: dict[str, Followers] = {}
        self._doubt = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def subscriptions(self) -> int:
        """How many streams are followed."""
        return len(self._orders) + len(self._users)

    async def start(self) -> None:
        """Listen from now on; returns once the first subscription was tried."""
        tried = asyncio.Event()
        self._tasks = [asyncio.create_task(self._keep_listening(tried)), asyncio.create_task(self._keep_checking())]
        await tried.wait()

    async def stop(self) -> None:
        """Listen no more, and have every socket closed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for table in (self._orders, self._users):
            for followers in table.values():
                for subscriber in followers:
                    subscriber.end(Closing.SERVICE_RESTART)

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
                    self._doubt.set()
                    async for batch in batches:
                        self._deliver(batch)
            except BestfillError as error:
                log.warning("notifier not heard", extra={"reason": error.reason})
            except Exception:
                log.exception("notifier not heard")
            tried.set()
            self._doubt.set()
            await asyncio.sleep(self._retry_s)

    def _deliver(self, batch: Sequence[OrderEvent]) -> None:
        if not batch:
            self._doubt.set()
        for event in batch:
            by_order, by_user = self._orders.get(event.order_id), self._users.get(event.user_id)
            if by_order or by_user:
                encoded = frame(event)
                for subscriber in by_order or ():
                    subscriber.offer(event.seq, encoded)
                for subscriber in by_user or ():
                    subscriber.offer(event.user_seq, encoded)
        self._hear(batch)

    async def _keep_checking(self) -> None:
        failing = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._retry_s if failing else self._check_s):
                    await self._doubt.wait()
            self._doubt.clear()
            try:
                await _check(self._orders, self._store.seqs)
                await _check(self._users, self._store.user_seqs)
                failing = False
            except StoreError as error:
                if not failing:
                    log.warning("streams not checked; will try again", extra={"reason": error.reason})
                failing = True
            except Exception:
                log.exception("streams not checked")
                failing = True
            await asyncio.sleep(self._retry_s)


async def _check(
    streams: dict[Key, Followers], last_numbers: Callable[[Sequence[Key]], Awaitable[dict[Key, int]]]
) -> None:
    """Tell the followers of each stream how far it has come."""
    keys = list(streams)
    for begin in range(0, len(keys), ASK):
        for key, last in (await last_numbers(keys[begin : begin + ASK])).items():
            for subscriber in streams.get(key, ()):
                subscriber.expect(last)


@contextmanager
def _subscribed(table: dict[Key, Followers], key: Key) -> Iterator[Subscriber]:
    subscriber = Subscriber(BUFFER)
    followers = table.setdefault(key, {})
    followers[subscriber] = None
    try:
        yield subscriber
    finally:
        del followers[subscriber]
        if not followers:
            del table[key]
