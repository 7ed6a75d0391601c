"""uvicorn, bounded where it is not, and owned: it is told when to stop, and stops cleanly."""

import asyncio
import gc
import signal
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.protocol import State

from bestfill.errors import ErrorCode
from bestfill_api.line import EXTENSION, Transport
from bestfill_api.problems import MEDIA_TYPE, problem_body

HEAD_MAX_BYTES: Final = 64 * 1024
MESSAGE_MAX_BYTES: Final = 4 * 1024
LINGER_S: Final = 10.0
SHUTDOWN_S: Final = 10


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head (request line and headers) without end, which the parser would gather in memory."""

    _head: list[int] | None = None
    """The bytes of each chunk that brought nothing but a part of the head; None outside of heads."""

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to a head that has not ended."""
        head = self._head
        super().data_received(data)
        if head is not None and head is self._head:
            head.append(len(data))
            if sum(head) > HEAD_MAX_BYTES:
                self._head = None
                self.send_400_response("the request's head is too large")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem like any other, and hang up."""
        body = problem_body(400, ErrorCode.VALIDATION_ERROR, msg.rstrip("."))
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._head = []

    def on_headers_complete(self) -> None:
        """Count no more."""
        self._head = None
        super().on_headers_complete()


class BoundedSocket(WebSocketsSansIOProtocol, Transport):
    """Drops a connection whose peer takes neither what was sent nor the close, instead of keeping it for good.

    To the application it is a `Transport` too: frames that were made once for many go out as they are.
    """

    async def run_asgi(self) -> None:
        """Serve it, then give the peer some time to take the rest."""
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), EXTENSION: self}
        self.scope["extensions"] = extensions
        await super().run_asgi()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def write(self, frames: bytes) -> bool:
        """Send whole frames of an accepted socket."""
        if self.disconnected or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(frames)
        return self.writable.is_set()

    async def drain(self) -> None:
        """Wait until the peer takes what it was sent."""
        await self.writable.wait()

    def handle_ping(self) -> None:
        """Answer, unless the peer does not read: the answers would pile up."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def shutdown(self) -> None:
        """Close with 1012; a connection that is closing already is left to it."""
        try:
            super().shutdown()
        except InvalidState:
            self.transport.close()


class Server(uvicorn.Server):
    """Serves one application on one socket until it is told to exit; says so on stdout when it is ready."""

    def __init__(self, app: Litestar, url: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedHttp,
                ws=BoundedSocket,
                ws_max_size=MESSAGE_MAX_BYTES,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self._url = url

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Leave signals alone: `serve` has them for as long as the application lives."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        reference = f"API reference: {self._url}/schema"
        sys.stdout.write(f"bestfill is ready at {self._url} (open it in a browser; {reference})\n")
        sys.stdout.flush()


def bind(host: str, port: int) -> socket.socket:
    """Take the address; nobody can connect before `serve`.

    Raises:
        OSError: it is in use, or is none of this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError:
        taken.close()
        raise
    return taken


def url(taken: socket.socket) -> str:
    """Give the address of a bound socket as a URL."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: Litestar, taken: socket.socket) -> None:
    """Run the application until SIGINT or SIGTERM.

    Raises:
        SettingsError, BestfillError, OSError: what the application needs cannot be started.
    """
    server = Server(app, url(taken))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    try:
        async with app.lifespan():
            # What has been made by now stays: the collector need not look at it ever again, nor look as often.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            await server.serve(sockets=[taken])
    except ExceptionGroup as group:
        # Litestar runs its lifespan in a task group; who calls us cares for the error alone.
        raise (group.exceptions[0] if len(group.exceptions) == 1 else group) from None
