"""Brings a reader the events of one stream: each once, in order, none missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from attrs import define

from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill_api.closing import Closing
from bestfill_api.line import Line
from bestfill_api.subscriber import Frame, Subscriber, frame

PAGE: Final = 500

log = logging.getLogger(__name__)


class TooSlow(Exception):
    """The reader does not keep up."""


@define(kw_only=True)
class Pace:
    """How long a reader may take, in seconds, until it takes something of what it is sent."""

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
    """One reader of one stream, which has seen the events up to `subscriber.seen`.

    `read` gives the store's next events after a number, at most PAGE of them; `number` is an event's place in the
    stream. A stream that `ends` does so with a terminal event.
    """

    subscriber: Subscriber
    read: Callable[[int], Awaitable[Sequence[OrderEvent]]]
    number: Callable[[OrderEvent], int]
    line: Line
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
                return Closing.NORMAL
            behind, ended = await self._send(self.subscriber.take(), live=True)
            if ended:
                return Closing.NORMAL
            behind = behind or await self.subscriber.wait()
        return self.subscriber.close_code

    async def _catch_up(self) -> bool:
        """Send what the store has; say whether the stream has ended."""
        self.subscriber.found()
        while self.subscriber.close_code is None:
            try:
                events = await self.read(self.subscriber.seen)
            except StoreError as error:
                # The dispatcher will find that the store has more than was sent, once it can ask.
                log.warning("events not read; will try again", extra={"reason": error.reason})
                return False
            _, ended = await self._send([(self.number(event), frame(event)) for event in events], live=False)
            if ended or len(events) < PAGE:
                return ended
        return False

    async def _send(self, events: Iterable[tuple[int, Frame]], *, live: bool) -> tuple[bool, bool]:
        """Send those that are next; say whether some are missing before the rest, and whether the stream has ended."""
        seen, wanted = self.subscriber.seen, list[Frame]()
        missing = ended = False
        for number, event in events:
            if number > seen + 1:
                missing = True
                break
            if number == seen + 1:
                wanted.append(event)
                seen = number
                if event.terminal and self.ends:
                    ended = True
                    break
        if wanted:
            self.subscriber.seen = seen
            if not self.line.write(wanted):
                await self._drain(live=live)
            self.counts.events_sent += len(wanted)
        return missing, ended

    async def _drain(self, *, live: bool) -> None:
        try:
            done = False
            while not done:
                async with asyncio.timeout(self.pace.send_s) as patience:
                    # While a long story is read, the buffer may run over without the reader being slow.
                    self.subscriber.patience = patience if live else None
                    done = await self.line.drain()
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.subscriber.patience = None
