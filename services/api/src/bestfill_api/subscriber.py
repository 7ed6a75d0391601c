"""What waits for one socket: encoded events, up to a bound."""

import asyncio
from typing import Any, Final

from attrs import field, frozen

from bestfill.events import OrderEvent
from bestfill_api.dto import encode
from bestfill_api.views import event_message

GONE: Final = 0


@frozen
class Frame:
    """An event, encoded once for all who follow it; `message` is what ASGI takes."""

    seq: int
    user_seq: int
    terminal: bool
    message: dict[str, Any] = field(repr=False)


def frame(event: OrderEvent) -> Frame:
    """Encode an event."""
    text = encode(event_message(event)).decode()
    return Frame(event.seq, event.user_seq, event.status.terminal, {"type": "websocket.send", "text": text})


class Subscriber:
    """One socket's place in a stream: what came for it and is not sent yet, up to a bound.

    `close_code` says that the socket is to end: with that code, or GONE if it has. While `patience` is set, the socket
    is being sent something, and it is cut short when the buffer runs over.
    """

    __slots__ = ("_bound", "_lost", "_waiter", "buffer", "close_code", "patience")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lost = False
        self._waiter: asyncio.Future[None] | None = None
        self.buffer: list[tuple[int, Frame]] = []
        self.close_code: int | None = None
        self.patience: asyncio.Timeout | None = None

    def offer(self, number: int, event: Frame) -> None:
        """Add an event; if there is no room, drop all: the store has them."""
        if len(self.buffer) >= self._bound:
            self.lose()
            if self.patience is not None and not self.patience.expired():
                self.patience.reschedule(asyncio.get_running_loop().time())
        elif not self._lost:
            self.buffer.append((number, event))
            self._wake()

    def lose(self) -> None:
        """Say that events may be missing."""
        self._lost = True
        self.buffer.clear()
        self._wake()

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

    async def wait(self, longest_s: float) -> bool:
        """Wait for news; say whether the store must be read, since events were lost or none came for so long."""
        if self.buffer or self._lost or self.close_code is not None:
            return self._lost
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(longest_s, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None
        return not self.buffer

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
