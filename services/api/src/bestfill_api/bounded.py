"""HTTP connections, bounded where uvicorn's are not: in the size of a head, and in the time a client may take."""

import asyncio
import enum
from typing import ClassVar, Final, cast

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bestfill.errors import ErrorCode
from bestfill_api.crowd import Crowd
from bestfill_api.problems import MEDIA_TYPE, STATUS, problem_body

HEAD_MAX_BYTES: Final = 64 * 1024
URL_MAX_BYTES: Final = 8_000
HEADERS_MAX: Final = 100
HEADER_MAX_BYTES: Final = 8_000
HEADERS_LIMIT: Final = f"at most {HEADERS_MAX} headers, each of {HEADER_MAX_BYTES:,} bytes, {HEAD_MAX_BYTES:,} in all"


class _Stage(enum.Enum):
    """What is on its way from the client."""

    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class BoundedHttp(HttpToolsProtocol):
    """Refuses heads without end, and gives up clients that do not get on with what they send or are sent.

    A client has `silent_s` seconds to begin, `head_s` for a head, `body_s` for the rest of the request, `take_s` to
    take some of an answer that it does not read, and `linger_s` to take the last of it. Whoever is turned away, is
    hung up on after `turned_away_s`.
    """

    silent_s: ClassVar = 30.0
    head_s: ClassVar = 10.0
    body_s: ClassVar = 15.0
    take_s: ClassVar = 30.0
    linger_s: ClassVar = 10.0
    turned_away_s: ClassVar = 1.0

    _stage = _Stage.NOTHING
    _changed = False
    """Whether the stage began with the bytes at hand."""
    _head_bytes = 0
    """What came after the bytes with which the head began, and brought nothing but a part of it."""
    _refusal: tuple[str, str] | None = None
    """Why the rest of the request is not parsed."""
    _gone = False
    """Whether we have hung up, and listen no more."""

    @property
    def _crowd(self) -> Crowd:
        return cast("Crowd", self.server_state)

    @property
    def _host(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to expect a head, or hang up if there are too many connections, or it is not this caller's turn."""
        super().connection_made(transport)
        if not self._crowd.enter(self._host):
            detail = "there are too many connections here, or from this address; close some, or try again later"
            self._answer("TOO_MANY_CONNECTIONS", detail)
        elif not self._crowd.has_turn(self._host):
            self._gone = True  # nothing is parsed; to hang up at once would only bring the next one sooner
            self.loop.call_later(self.turned_away_s, self.transport.abort)
        else:
            self._crowd.expect(self, self.silent_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._crowd.done(self)
        self._crowd.leave(self._host)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, count what belongs to a head that has not ended, and expect what is next."""
        if self._gone:
            return
        super().data_received(data)
        if self._stage is _Stage.HEAD and not self._changed:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES and not self._gone:
                self._refuse("HEADERS_TOO_LARGE", HEADERS_LIMIT)
        if self._changed:
            self._changed = False
            self._expect()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._crowd.done(self)
        self._gone = True
        super().handle_websocket_upgrade()

    def overdue(self) -> None:
        """Give up a client that is late with what it sends, or does not take what it is sent."""
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()
        elif self.flow.read_paused or (self._stage is _Stage.HEAD and self._answering):
            self._expect()  # it is we who do not get on
        elif self._stage is _Stage.HEAD:
            self._refuse("REQUEST_TIMEOUT", f"the head took longer than {self.head_s:g} s")
        elif self._answering and not self.cycle.response_started:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._refuse("REQUEST_TIMEOUT", f"the body took longer than {self.body_s:g} s")
        else:
            self.transport.close()
            self._expect()

    def pause_writing(self) -> None:
        """Expect the client to read."""
        super().pause_writing()
        self._expect()

    def resume_writing(self) -> None:
        """Expect what else is due."""
        super().resume_writing()
        self._expect()

    def on_response_complete(self) -> None:
        """Go on; if the connection ends here, the client must take the rest."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect()

    def timeout_keep_alive_handler(self) -> None:
        """Hang up on a client that asks for nothing more, and give it some time to take the rest."""
        super().timeout_keep_alive_handler()
        self._expect()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem like any other, and hang up."""
        self._refuse(*(self._refusal or (ErrorCode.VALIDATION_ERROR, msg.rstrip("."))))

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._stage, self._changed, self._head_bytes = _Stage.HEAD, True, 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        super().on_url(url)
        if len(self.url) > URL_MAX_BYTES:
            self._stop("URI_TOO_LONG", f"the URL must have at most {URL_MAX_BYTES:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX or len(name) + len(value) > HEADER_MAX_BYTES:
            self._stop("HEADERS_TOO_LARGE", HEADERS_LIMIT)

    def on_headers_complete(self) -> None:
        """Count no more, and begin to answer."""
        self._stage, self._changed = _Stage.BODY, True
        hosts = size = 0
        for name, value in self.headers:
            hosts += name == b"host"
            size += len(name) + len(value)
        if size > HEAD_MAX_BYTES:
            self._stop("HEADERS_TOO_LARGE", HEADERS_LIMIT)
        version = self.parser.get_http_version()  # pyright: ignore[reportOptionalMemberAccess] - it goes with the client
        if hosts > 1 or (not hosts and version == "1.1"):
            self._stop(ErrorCode.VALIDATION_ERROR, "send one Host header")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect nothing more of this request."""
        self._stage, self._changed = _Stage.NOTHING, True
        super().on_message_complete()

    def _stop(self, code: str, detail: str) -> None:
        """Have the parser stop, which it does for any exception."""
        self._refusal = code, detail
        raise HttpParserError(detail)

    def _refuse(self, code: str, detail: str) -> None:
        """Answer what is wrong without the application, and hang up."""
        self._crowd.refused(self._host)
        self._answer(code, detail)

    def _answer(self, code: str, detail: str) -> None:
        self._gone = True
        self.transport.write(refusal(code, detail))
        self.transport.close()
        self._expect()

    def _expect(self) -> None:
        if self.transport.is_closing():
            self._crowd.expect(self, self.linger_s)
        elif self.flow.write_paused:
            self._crowd.expect(self, self.take_s)
        elif self._stage is _Stage.HEAD:
            self._crowd.expect(self, self.head_s)
        elif self._stage is _Stage.BODY:
            self._crowd.expect(self, self.body_s)
        else:
            self._crowd.done(self)


def refusal(code: str, detail: str) -> bytes:
    """Write a whole answer that refuses a request, and is the last on its connection."""
    status, body = STATUS[code], problem_body(code, detail)
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
