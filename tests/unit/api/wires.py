"""A WebSocket client that speaks ASGI with the application, so that a test sees every message and owns every wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar


class Wire:
    """One connection; `stuck` makes the application's sends wait, as a full buffer does."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.free = asyncio.Event()
        self.free.set()
        self.task: asyncio.Task[None] | None = None
        self.answer: dict[str, Any] = {}
        self.inbox.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        return await self.inbox.get()

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.free.wait()
        self.outbox.put_nowait(message)

    async def event(self) -> dict[str, Any]:
        """Give the next event."""
        message = await asyncio.wait_for(self.outbox.get(), 10)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.event() for _ in range(count)]

    async def closed(self) -> tuple[int, str]:
        """Wait for the close, with nothing before it; give its code and reason."""
        message = await asyncio.wait_for(self.outbox.get(), 10)
        assert message["type"] == "websocket.close", message
        await self.done()
        return message["code"], message["reason"]

    def say(self, text: str) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1005})
        await self.done()

    async def done(self) -> None:
        assert self.task is not None
        await asyncio.wait_for(asyncio.shield(self.task), 10)


@asynccontextmanager
async def connect(
    app: Litestar,
    url: str,
    *,
    stuck: bool = False,
    headers: Sequence[tuple[bytes, bytes]] = (),
    answer: str = "websocket.accept",
    **more: Any,
) -> AsyncIterator[Wire]:
    """Connect, wait for the acceptance, or for another answer, and leave in the end; `more` is for the ASGI scope."""
    path, _, query = url.partition("?")
    wire = Wire()
    if stuck:
        wire.free.clear()
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
        "subprotocols": [],
        "state": {},
        "extensions": {},
    } | more
    wire.task = asyncio.create_task(app(scope, wire.receive, wire.send))  # pyright: ignore[reportArgumentType]
    try:
        wire.answer = await asyncio.wait_for(wire.outbox.get(), 10)
        assert answer in ("", wire.answer["type"]), wire.answer
        yield wire
    finally:
        wire.free.set()
        wire.inbox.put_nowait({"type": "websocket.disconnect", "code": 1005})
        await asyncio.wait_for(wire.task, 10)
