"""What waits for one socket: encoded events, up to a bound."""

import asyncio
from typing import Final

from attrs import field, frozen
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode

from bestfill.events import OrderEvent
from bestfill_api.dto import encode
from bestfill_api.views import event_message

GONE: Final = 0


@frozen
class Frame:
    """An event, encoded once for all who follow it: `text` is the message in UTF-8, `wire` is its WebSocket frame."""

    terminal: bool
    text: bytes = field(repr=False)
    wire: bytes = field(repr=False)


def frame(event: OrderEvent) -> Frame:
    """Encode an event."""
    text = encode(event_message(event))
    wire = WebSocketFrame(Opcode.TEXT, text).serialize(mask=False)
    return Frame(event.status.terminal, text, wire)


class Subscriber:
    """One socket's place in a stream: `seen` is the number of the last event that it was sent, `buffer` holds what came
    since, up to a bound.

    `close_code` says that the socket is to end: with that code, or GONE if it has. While `patience` is set, the socket
    is being sent something, and it is cut short when the buffer runs over.
    """

    __slots__ = ("_bound", "_loop", "_lost", "_waiter", "buffer", "close_code", "patience", "seen")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._loop = asyncio.get_running_loop()  # each call of it is a system call, at least in Python 3.11
        self._lost = False
        self._waiter: asyncio.Future[None] | None = None
        self.seen = 0
        self.buffer: list[tuple[int, Frame]] = []
        self.close_code: int | None = None
        self.patience: asyncio.Timeout | None = None

    def offer(self, number: int, event: Frame) -> None:
        """Add an event; if there is no room, drop all: the store has them."""
        if len(self.buffer) >= self._bound:
            self._lose()
            if self.patience is not None and not self.patience.expired():
                self.patience.reschedule(self._loop.time())
        elif not self._lost:
            self.buffer.append((number, event))
            self._wake()

    def expect(self, last: int) -> None:
        """Say how far the stream has come by the store; if the socket waits for less, it must look there."""
        if self._waiter is not None and last > self.seen and not self.buffer:
            self._lose()

    def end(self, code: int) -> None:
        """Say that the socket is to end."""
        if self.close_code is None:
            self.close_code = code
            self._wake()

    def take(self) -> list[tuple[int, Frame]]:
        """Give what has come."""
        taken, self.buffer = self.buffer, []
        return taken

    def found(self) -> None:
        """Say that the store is about to be read, so whatever is missing by now will be found there."""
        self._lost = False

    async def wait(self) -> bool:
        """Wait for news; say whether the store must be read, since events were lost."""
        if not (self.buffer or self._lost or self.close_code is not None):
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._lost

    def _lose(self) -> None:
        self._lost = True
        self.buffer.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
