"""The way to one socket: whole frames through its server's transport if that is offered, or else message by message."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import define, field

from bestfill_api.subscriber import Frame

EXTENSION: Final = "bestfill.frames"
"""The ASGI extension under which a server hands out a WebSocket's `Transport`."""
WRITE_BYTES: Final = 16 * 1024
"""About how much is written before it is asked whether the peer keeps up."""


class Transport(Protocol):
    """Takes whole WebSocket frames."""

    def write(self, frames: bytes) -> bool:
        """Send them, or hold them until the peer takes them; say whether it keeps up.

        Raises:
            OSError: the client has left.
        """
        ...

    async def drain(self) -> None:
        """Return when the peer keeps up again, or has left."""
        ...


class Line(Protocol):
    """Takes events for one reader. Each method raises OSError if the reader has left."""

    def write(self, events: Sequence[Frame]) -> bool:
        """Send what can be sent without waiting; say whether that was all. If not, nothing may follow but `drain`."""
        ...

    async def drain(self) -> bool:
        """Send some of what is left, as soon as the reader takes it; say whether that was all."""
        ...


def line(extensions: Mapping[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> Line:
    """Give the way to a socket, by what its server offers."""
    transport: Transport | None = extensions.get(EXTENSION)
    return _Messages(send) if transport is None else _Frames(transport)


@define(eq=False)
class _Frames:
    _transport: Transport
    _left: list[Frame] = field(factory=list[Frame], init=False)

    def write(self, events: Sequence[Frame]) -> bool:
        if len(events) == 1:
            return self._transport.write(events[0].wire)
        self._left = list(reversed(events))
        return self._go_on()

    async def drain(self) -> bool:
        await self._transport.drain()
        return self._go_on()

    def _go_on(self) -> bool:
        while self._left:
            frames, size = [], 0
            while self._left and size < WRITE_BYTES:
                frames.append(self._left.pop().wire)
                size += len(frames[-1])
            if not self._transport.write(b"".join(frames)):
                return False
        return True


@define(eq=False)
class _Messages:
    _send: Callable[[dict[str, Any]], Awaitable[None]]
    _left: list[Frame] = field(factory=list[Frame], init=False)

    def write(self, events: Sequence[Frame]) -> bool:
        self._left = list(reversed(events))
        return not self._left

    async def drain(self) -> bool:
        if self._left:
            event = self._left.pop()
            await self._send({"type": "websocket.send", "text": event.text.decode()})
        return not self._left
