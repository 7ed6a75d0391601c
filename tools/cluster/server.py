"""The cluster over HTTP, on this machine alone."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import uvicorn

from tools.cluster.cluster import Cluster
from tools.cluster.wire import BUSY, NOT_FOUND, RETRY_AFTER_S, Wire

BODY_MAX_BYTES: Final = 50 * 1024
"""As nodes have it."""
SHUTDOWN_S: Final = 2

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """The ASGI application: JSON-RPC by POST at `/`, `/2` and so on, and `/health`."""

    def __init__(self, cluster: Cluster) -> None:
        self._wire = Wire(cluster)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] == "GET" and scope["path"] == "/health":
            await _answer(send, 200, b"ok", "text/plain")
            return
        if scope["method"] != "POST":
            await _answer(send, 405, b"Used HTTP Method is not allowed. POST is required\n", "text/plain")
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, 413, b"Payload Too Large\n", "text/plain")
            return
        fate = self._wire.draw()
        if fate.latency_s:
            await asyncio.sleep(fate.latency_s)
        if fate.reaches and fate.busy:
            await _answer(send, 429, BUSY, "application/json", (b"retry-after", RETRY_AFTER_S.encode()))
            return
        answer = self._wire.answer(scope["path"], body) if fate.reaches else b""
        if not fate.reaches or not fate.answered:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if answer is None:
            await _answer(send, 404, NOT_FOUND, "text/plain")
        else:
            await _answer(send, 200, answer, "application/json")


class Server(uvicorn.Server):
    """Serves a cluster on one socket; calls `ready` when it does."""

    def __init__(self, cluster: Cluster, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                App(cluster),
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self._ready = ready

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Leave signals alone: they are `serve`'s."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()
        sys.stdout.flush()


async def serve(cluster: Cluster, taken: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM."""
    server, loop = Server(cluster, ready), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    await server.serve(sockets=[taken])


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None if it is too large."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            return None
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, body: bytes, kind: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
