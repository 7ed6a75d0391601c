"""One reader of a channel, which always knows whether it may have missed something."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from redis.asyncio import Connection, ConnectionPool
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError

from bestfill.events import OrderEvent
from bestfill_adapters.redis.connection import REPLY_S, connection, reason, within
from bestfill_adapters.redis.messages import BadMessage, read

SILENCE_S: Final = 1.0
"""After so long without a message, the server must show that it is there, within REPLY_S."""
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
COMPLAIN_EVERY_S: Final = 60.0


log = logging.getLogger(__name__)


class Subscription(AsyncIterator[Sequence[OrderEvent]]):
    """Gives what comes over a channel, and an empty batch for all that may have been missed; reconnects by itself.

    It reads a connection of its own, not the library's PubSub: that resubscribes in silence, so what was published
    meanwhile would be missing without a sign, and takes a server that hangs for one that has nothing to say.
    """

    def __init__(self, pool: ConnectionPool, channel: str) -> None:
        self._pool, self._channel = pool, channel
        self._link: Connection | None = None
        self._down = False
        self._pause_s = FIRST_PAUSE_S
        self._complained = -COMPLAIN_EVERY_S
        self._ended = asyncio.Event()

    async def open(self) -> None:
        """Try to subscribe, once; if that fails, reading goes on trying."""
        try:
            await self._subscribe()
        except RedisError as error:
            await self._lose(error)

    async def end(self) -> None:
        """End the iteration, also one that waits."""
        self._ended.set()
        await self._hang_up()

    async def __anext__(self) -> Sequence[OrderEvent]:
        """Wait for the next batch; while the server is away, give an empty one about every second."""
        while not self._ended.is_set():
            try:
                if self._link is None:
                    await self._reconnect()
                    return ()
                message = await self._receive(self._link)
                if message is not None:
                    return self._read(message)
            except RedisError as error:
                if not self._ended.is_set():
                    await self._lose(error)
                    return ()
            except BaseException:
                await self._hang_up()  # a reply may have been read in part
                raise
        raise StopAsyncIteration

    async def _subscribe(self) -> None:
        link = connection(self._pool)
        try:
            async with within(REPLY_S):
                await link.send_command("SUBSCRIBE", self._channel)
                await link.read_response()
        except BaseException:
            await link.disconnect(nowait=True)
            raise
        self._link = link
        if self._ended.is_set():
            await self._hang_up()
        elif self._down:
            self._down = False
            log.info("notifier is heard again")

    async def _reconnect(self) -> None:
        if self._down:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await self._ended.wait()
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if not self._ended.is_set():
            await self._subscribe()

    async def _receive(self, link: Connection) -> object:
        """Give the next message's data, or None if what came is none."""
        reply = await link.read_response(timeout=SILENCE_S)
        if reply is None:
            async with within(REPLY_S):
                await link.send_command("PING")
                reply = await link.read_response()
        self._pause_s = FIRST_PAUSE_S
        match reply:
            case [b"message", _, data]:
                return data
            case [b"pong", _]:
                return None
            case _:
                raise NotConnected("the server does not keep to the protocol")

    def _read(self, message: object) -> Sequence[OrderEvent]:
        try:
            return read(message)
        except BadMessage as error:
            now = asyncio.get_running_loop().time()
            if now - self._complained >= COMPLAIN_EVERY_S:
                self._complained = now
                log.warning("a message of no known form was dropped", extra={"reason": str(error)})
            return ()

    async def _lose(self, error: RedisError) -> None:
        if not self._down:
            log.warning("notifier not heard; will try again", extra={"reason": reason(error)})
        self._down = True
        await self._hang_up()

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.disconnect(nowait=True)
