"""The notifier of the deployed mode: one Redis channel for all processes."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis.asyncio import Connection
from redis.exceptions import RedisError

from bestfill.errors import QueueError
from bestfill.events import OrderEvent
from bestfill.ports import Notifier
from bestfill_adapters.redis.connection import REPLY_S, connection, pool, reason, within
from bestfill_adapters.redis.messages import GAP, join, pack
from bestfill_adapters.redis.subscription import FIRST_PAUSE_S, LONGEST_PAUSE_S, Subscription

CHANNEL: Final = "bestfill:events"
MESSAGE_BYTES: Final = 128 * 1024
"""A message is sent as soon as it is so long; one event may make it longer."""
BACKLOG_MAX_BYTES: Final = 8 * 1024 * 1024
GATHER_S: Final = 0.002
"""How long events are gathered after a message was sent; the first after a quiet moment goes at once."""
CLOSING_S: Final = 1.0

log = logging.getLogger(__name__)


class RedisNotifier(Notifier):
    """Passes events on to the subscribers of every process. One event loop at a time may use it.

    Publishing only hands over: a task of its own sends what has gathered. What cannot be sent, because Redis is away
    or slow, is dropped, and as soon as Redis can be reached, subscribers are told that events are missing.
    """

    def __init__(self, url: str) -> None:
        """Take a URL of Redis; nothing is opened before it is needed.

        Raises:
            SettingsError: the URL is none of Redis.
        """
        self._pool = pool(url)
        self._link: Connection | None = None
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._sending: asyncio.Task[None] | None = None
        self._down = self._gap_owed = self._closed = False
        self._dropped = 0
        self._subscriptions: set[Subscription] = set()

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Hand events over to be sent; never waits.

        Raises:
            QueueError: the notifier is closed, or an event has no form in JSON.
        """
        if self._closed:
            raise QueueError("the notifier is closed")
        if self._down:
            self._dropped += len(events)
            self._gap_owed = True
            return
        packed = [pack(event) for event in events]
        self._backlog += packed
        self._backlog_bytes += sum(map(len, packed))
        if self._backlog_bytes > BACKLOG_MAX_BYTES:
            log.warning("events not published", extra={"reason": "they come faster than Redis takes them"})
            self._drop_backlog()
        if self._sending is None and (self._backlog or self._gap_owed):
            self._sending = asyncio.create_task(self._send_all())

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[OrderEvent]]]:
        """Open a subscription, over a connection of its own; with Redis away, it tries again until the context ends."""
        subscription = Subscription(self._pool, CHANNEL)
        if self._closed:
            await subscription.end()
        self._subscriptions.add(subscription)
        try:
            await subscription.open()
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await subscription.end()

    async def close(self) -> None:
        """Send what is left, if that takes no longer than CLOSING_S, and end every iteration."""
        self._closed = True
        if (sending := self._sending) is not None:
            await asyncio.wait([sending], timeout=0 if self._down else CLOSING_S)
            sending.cancel()
            await asyncio.wait([sending])
        await self._hang_up()
        for subscription in list(self._subscriptions):
            await subscription.end()

    async def _send_all(self) -> None:
        pause = FIRST_PAUSE_S
        try:
            while self._backlog or self._gap_owed:
                try:
                    await self._send(self._next_message())
                except RedisError as error:
                    await self._fail(error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_S)
                else:
                    pause = FIRST_PAUSE_S
                    await asyncio.sleep(GATHER_S)
        finally:
            self._sending = None

    async def _send(self, message: bytes) -> None:
        if self._link is None:
            self._link = connection(self._pool)
        async with within(REPLY_S):
            await self._link.send_command("PUBLISH", CHANNEL, message)
            await self._link.read_response()
        if self._down:
            log.info("events are published again", extra={"dropped": self._dropped})
            self._down, self._dropped = False, 0

    def _next_message(self) -> bytes:
        if self._gap_owed:
            self._gap_owed = False
            return GAP
        events: list[bytes] = []
        size = 0
        while self._backlog and size < MESSAGE_BYTES:
            events.append(self._backlog.popleft())
            size += len(events[-1])
        self._backlog_bytes -= size
        return join(events)

    async def _fail(self, error: RedisError) -> None:
        if not self._down:
            log.warning("events not published; will try again", extra={"reason": reason(error)})
        self._down = True
        self._drop_backlog()
        await self._hang_up()

    def _drop_backlog(self) -> None:
        self._dropped += len(self._backlog)
        self._backlog.clear()
        self._backlog_bytes = 0
        self._gap_owed = True

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with suppress(RedisError):
                await link.disconnect(nowait=True)
