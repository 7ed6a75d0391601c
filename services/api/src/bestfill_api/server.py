"""uvicorn, bounded where it is not, and owned: it is told when to stop, and stops cleanly."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Any, ClassVar, Final, cast

import uvicorn
from litestar import Litestar
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from bestfill.errors import ErrorCode
from bestfill_adapters.settings import Settings
from bestfill_api.bounded import BoundedHttp, refusal
from bestfill_api.closing import Closing
from bestfill_api.crowd import Crowd, crowd
from bestfill_api.edge import Application
from bestfill_api.line import EXTENSION, Transport

MESSAGE_MAX_BYTES: Final = 4 * 1024
LINGER_S: Final = 10.0
SHUTDOWN_S: Final = 10
SLICE_BYTES: Final = 1024
"""So much of what a client sends is parsed before it is looked whether it sends too much."""
TOO_MUCH_SAID: Final = "a client has nothing to say here"


class BoundedSocket(WebSocketsSansIOProtocol, Transport):
    """Drops a connection whose peer takes neither what was sent nor the close, instead of keeping it for good.

    To the application it is a `Transport` too: frames that were made once for many go out as they are. What a client
    says is not passed on, since nobody wants to know; more than `frames_per_s` in a second end the socket.
    """

    handshake_s: ClassVar = 10.0
    frames_per_s: ClassVar = 200

    _since = 0.0
    _frames_since = 0
    _gone = False
    """Whether we have hung up, and listen no more."""

    @property
    def _crowd(self) -> Crowd:
        return cast("Crowd", self._state)

    @property
    def _host(self) -> str:
        return self.client[0] if self.client else ""

    def __init__(self, config: uvicorn.Config, server_state: ServerState, *args: Any, **named: Any) -> None:
        super().__init__(config, server_state, *args, **named)
        self._state = server_state

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to expect the end of the handshake."""
        super().connection_made(transport)
        self._crowd.expect(self, self.handshake_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._crowd.done(self)
        self._crowd.leave(self._host)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, a little at a time."""
        for begin in range(0, len(data), SLICE_BYTES):
            if self._gone:
                return
            super().data_received(data[begin : begin + SLICE_BYTES])
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self._gone:
            self._gone = True
            self._crowd.refused(self._host)
            self.transport.write(refusal(ErrorCode.VALIDATION_ERROR, "this is no WebSocket handshake"))
            self.transport.close()
            self._crowd.expect(self, LINGER_S)

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake, or refuse what is none."""
        super().handle_connect(event)
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._crowd.refused(self._host)

    def start_keepalive(self) -> None:
        """Go on, now that the handshake is done."""
        self._crowd.done(self)
        super().start_keepalive()

    def overdue(self) -> None:
        """Give up what did not become a socket, or does not end."""
        self.transport.abort()

    def handle_text(self, event: Frame) -> None:
        """Count it, and drop it."""
        self._hear()

    handle_bytes = handle_cont = handle_text

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping."""
        self._hear()
        super().handle_pong(event)

    def handle_parser_exception(self) -> None:
        """Close; before the handshake is done, there is nothing to say it with."""
        self._gone = True
        self._crowd.refused(self._host)
        if self.conn.close_sent is None:
            self.transport.abort()
        else:
            super().handle_parser_exception()

    def _hear(self) -> None:
        now = self.loop.time()
        if now - self._since >= 1:
            self._since, self._frames_since = now, 0
        self._frames_since += 1
        if self._frames_since > self.frames_per_s and not self._gone:
            self.conn.fail(Closing.TOO_MUCH_SAID, TOO_MUCH_SAID)
            self.handle_parser_exception()

    async def run_asgi(self) -> None:
        """Serve it, then give the peer some time to take the rest."""
        extensions: dict[str, Any] = {**(self.scope.get("extensions") or {}), EXTENSION: self}
        self.scope["extensions"] = extensions
        await super().run_asgi()
        self.loop.call_later(LINGER_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Send what the application sends; a socket that was closed meanwhile, by us or by its peer, has left."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        # A refusal with a body ends the handshake too, which else would be taken for left undone.
        self.handshake_complete = self.handshake_complete or self.close_sent

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
        self._hear()
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

    def __init__(self, app: Litestar, url: str, crowd: Crowd | None = None) -> None:
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
        # What clients send wrong would fill the log, and each of its lines would be theirs to choose.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.server_state = self._crowd = crowd or Crowd()
        self._url = url

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Leave signals alone: `serve` has them for as long as the application lives."""
        return nullcontext()

    async def on_tick(self, counter: int) -> bool:
        """Look after those who are late; ten times a second."""
        self._crowd.patrol()
        return await super().on_tick(counter)

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


async def serve(app: Application, taken: socket.socket, settings: Settings) -> None:
    """Run the application until SIGINT or SIGTERM.

    Raises:
        SettingsError, BestfillError, OSError: what the application needs cannot be started.
    """
    server = Server(app, url(taken), crowd(settings, app.turns))
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
