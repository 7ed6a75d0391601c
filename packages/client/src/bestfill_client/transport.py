"""What the blocking and the async shell have in common: where they connect, as whom, and what their errors mean."""

import logging
import os
import ssl
from collections.abc import Mapping
from typing import Any, Final, Self

import httpx
import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from bestfill.errors import plain
from bestfill_client.address import Address, address
from bestfill_client.errors import WrongArgument
from bestfill_client.steps import Answer, Ask, Closed, Lost
from bestfill_client.stream import MESSAGE_MAX_BYTES

USER_AGENT: Final = "bestfill-client"
CONNECT_S: Final = 5.0
PING_S: Final = 10.0
"""How often the engine is asked whether it is still there, and how long it may take to say so."""
CLOSE_S: Final = 1.0
KEY_MAX_CHARS: Final = 8_192
"""More than any key or token has."""
LOGGER: Final = logging.getLogger("bestfill_client.socket")
"""The WebSockets' own, since at DEBUG their library writes each header down, the key among them."""
LOGGER.setLevel(logging.INFO)

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_FAULTS: Final = {
    1002: "the WebSocket protocol is broken",
    1003: "a message is of no known kind",
    1007: "a message is not UTF-8",
    1009: f"a message is longer than {MESSAGE_MAX_BYTES} bytes",
    1010: "the WebSocket protocol is broken",
}
"""What a connection is closed with on this side when the other did wrong."""


class Hidden(str):
    """Text that may be a secret: its repr does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


class Transport(msgspec.Struct, frozen=True):
    """Whom to talk to, how, and which headers to add, for HTTP and WebSockets alike."""

    address: Address
    headers: dict[str, str]
    tls: ssl.SSLContext

    @classmethod
    def build(
        cls,
        base_url: str,
        headers: Mapping[str, str] | None,
        tls: ssl.SSLContext | None,
        *,
        trust_env: bool,
        key: str | None = None,
        insecure: bool = False,
    ) -> Self:
        """Check all of it.

        Raises:
            WrongArgument: something cannot be sent, or the key would go over a network where others can read it, and
                not `insecure`. A header's value and the key, which are secrets, are not shown.
        """
        checked = {str(name).lower(): value for name, value in (headers or {}).items()}
        for name, value in checked.items():
            if not name.replace("-", "").isalnum() or not name.isascii():
                raise WrongArgument("headers", f"must not have the name {plain(name)!r}")
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                raise WrongArgument("headers", f"must have a printable ASCII text as {name}")
        where = address(base_url, trust_env=trust_env)
        if key is not None:
            if "authorization" in checked:
                raise WrongArgument("key", "and an Authorization header can't both be given")
            checked["authorization"] = f"Bearer {_sound(key)}"
            if not (where.private or insecure):
                wanted = "use an https URL, or, if you trust the network, insecure"
                raise WrongArgument("key", f"must not go over plain http, where others can read it: {wanted}")
        hidden = {name: Hidden(value) for name, value in checked.items()}
        return cls(where, {"user-agent": USER_AGENT} | hidden, tls or ssl.create_default_context())

    @property
    def credential(self) -> bool:
        """Whether whoever asks is known by what is sent along."""
        return "authorization" in self.headers

    def http(self) -> dict[str, Any]:
        """Give the options of an httpx client. Its own view of the environment would differ from the WebSockets'."""
        return {
            "base_url": self.address.http,
            "headers": self.headers,
            "verify": self.tls,
            "proxy": self.address.proxy,
            "trust_env": False,
            "follow_redirects": False,
        }

    def socket(self, timeout_s: float) -> dict[str, Any]:
        """Give the options of a WebSocket. It is not compressed: messages could be far larger than what came in."""
        options: dict[str, Any] = {
            "additional_headers": {name: value for name, value in self.headers.items() if name != "user-agent"},
            "user_agent_header": self.headers["user-agent"],
            "proxy": self.address.proxy,
            "compression": None,
            "max_size": MESSAGE_MAX_BYTES,
            "open_timeout": timeout_s,
            "ping_interval": PING_S,
            "ping_timeout": PING_S,
            "close_timeout": CLOSE_S,
            "logger": LOGGER,
        }
        return options | ({"ssl": self.tls} if self.address.ws.startswith("wss") else {})


def _sound(key: str) -> str:
    """Check that a key can be sent as it is. What is wrong with it is said without showing any of it."""
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or not key or " " in key:
        raise WrongArgument("key", "must be printable ASCII characters without a space")
    if len(key) > KEY_MAX_CHARS:
        raise WrongArgument("key", f"must have at most {KEY_MAX_CHARS} characters")
    return key


def request(ask: Ask) -> dict[str, Any]:
    """Give an httpx request's arguments."""
    asked = ask.request
    headers = {"accept": "application/json, application/problem+json", "accept-encoding": "identity"}
    if asked.body is not None:
        headers["content-type"] = "application/json"
    if asked.idempotency_key is not None:
        headers["idempotency-key"] = asked.idempotency_key
    timeout = httpx.Timeout(ask.timeout_s, connect=min(CONNECT_S, ask.timeout_s))
    return {"method": asked.method, "url": asked.path, "content": asked.body, "headers": headers, "timeout": timeout}


def answer(response: httpx.Response, body: bytearray) -> Answer:
    """Give an HTTP answer."""
    return Answer(response.status_code, dict(response.headers), bytes(body))


def lost(error: Exception) -> Lost:
    """Say why no answer came; of a WebSocket, too."""
    sent = not isinstance(error, _NOT_SENT)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return Lost("it takes too long", sent)
    return Lost(plain(_cause(error) or str(error) or type(error).__name__), sent)


def _cause(error: BaseException | None) -> str:
    """Give the system's own words for what is beneath an error, if they are there."""
    told = ""
    while error is not None:
        if isinstance(error, OSError) and error.errno and error.strerror:
            # asyncio has words of its own for a connection that is refused.
            told = os.strerror(error.errno) if isinstance(error, ConnectionError) else error.strerror
        below = error.__cause__ or error.__context__
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else below
    return told


class Declined(Exception):
    """A WebSocket's handshake was answered with something else. No redirect is followed: it may lead anywhere."""

    def __init__(self, refused: InvalidStatus) -> None:
        super().__init__(refused.response.status_code)
        response: Response = refused.response
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        self.answer = Answer(response.status_code, headers, bytes(response.body or b""))


def ended(error: ConnectionClosed) -> Closed:
    """Say how a WebSocket has ended."""
    sent, received = error.sent, error.rcvd
    if sent is not None and not error.rcvd_then_sent and sent.code in _FAULTS:
        return Closed(0, "", _FAULTS[sent.code])
    if received is None:
        return Closed(0, "the connection broke")
    return Closed(received.code, plain(received.reason))
