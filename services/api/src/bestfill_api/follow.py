"""Brings a reader the events of one stream: each once, in order, none missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from attrs import define

from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill_api.subscriber import Frame, Subscriber, frame

PAGE: Final = 500
NORMAL: Final = 1000

log = logging.getLogger(__name__)


class TooSlow(Exception):
    """The reader does not keep up."""


@define(kw_only=True)
class Pace:
    """How long to wait, in seconds, for news before the store is read, and for a reader to take one event."""

    reread_s: float = 5.0
    send_s: float = 5.0


@define
class Counts:
    """What has happened to sockets since the start."""

    opened: int = 0
    closed: int = 0
    events_sent: int = 0
    slow_closed: int = 0


@define(kw_only=True, eq=False)
class Follower:
    """One reader of one stream, which has `seen` the events up to a number.

    `read` gives the store's next events after a number, at most PAGE of them; `number` is an event's place in the
    stream. A stream that `ends` does so with a terminal event.
    """

    subscriber: Subscriber
    read: Callable[[int], Awaitable[Sequence[OrderEvent]]]
    number: Callable[[OrderEvent], int]
    send: Callable[[dict[str, Any]], Awaitable[None]]
    seen: int
    ends: bool
    pace: Pace
    counts: Counts

    async def run(self, *, behind: bool) -> int:
        """Pass events on until the stream or the reader ends; `behind` says that the store has some already.

        Returns:
            the code to close with.

        Raises:
            TooSlow: the reader does not keep up.
        """
        while self.subscriber.close_code is None:
            if behind and await self._catch_up():
                return NORMAL
            behind, ended = await self._pass_on()
            if ended:
                return NORMAL
            behind = behind or await self.subscriber.wait(self.pace.reread_s)
        return self.subscriber.close_code

    async def _catch_up(self) -> bool:
        """Send what the store has; say whether the stream has ended."""
        self.subscriber.found()
        while self.subscriber.close_code is None:
            try:
                events = await self.read(self.seen)
            except StoreError as error:
                log.warning("events not read; will try again", extra={"reason": error.reason})
                return False
            for event in events:
                if await self._send(self.number(event), frame(event), live=False):
                    return True
            if len(events) < PAGE:
                return False
        return False

    async def _pass_on(self) -> tuple[bool, bool]:
        """Send what has come; say whether some is missing before it, and whether the stream has ended."""
        for number, event in self.subscriber.take():
            if number > self.seen + 1:
                return True, False
            if number == self.seen + 1 and await self._send(number, event, live=True):
                return False, True
        return False, False

    async def _send(self, number: int, event: Frame, *, live: bool) -> bool:
        try:
            async with asyncio.timeout(self.pace.send_s) as patience:
                # While a long story is read, the buffer may run over without the reader being slow.
                self.subscriber.patience = patience if live else None
                await self.send(event.message)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.subscriber.patience = None
        self.seen = number
        self.counts.events_sent += 1
        return self.ends and event.terminal
