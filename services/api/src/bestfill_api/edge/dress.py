"""What every answer says besides its own: its request's id, how browsers may use it, and what is left of a limit."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from litestar.types import Message, Send

from bestfill_api.edge.visit import Visit

SUBPROTOCOL: Final = "bestfill"
"""What a socket's client offers besides its credential, and the server selects."""

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNLESS_SAID: Final = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""What an answer may say for itself instead."""

Answered: TypeAlias = Callable[[Any, int], None]
"""Hears the ASGI scope of a request, and the status of its answer."""


def dressed(send: Send, visit: Visit, scope: Any, answered: Callable[[Visit, Any, int], None]) -> Send:
    """Give a `send` for a request that adds it all; `answered` hears of the answer."""

    async def dressed_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered(visit, scope, message["status"])
            message["headers"] = headers_of(message["headers"], visit)  # pyright: ignore[reportGeneralTypeIssues]
        await send(message)

    return dressed_send


def dressed_socket(send: Send, visit: Visit, offered: Sequence[str], answered: Callable[[Visit, int], None]) -> Send:
    """Do the same for a socket that offers these subprotocols; `answered` hears if it is refused."""

    async def dressed_send(message: Any) -> None:
        if message["type"] == "websocket.http.response.start":
            answered(visit, message["status"])
            message["headers"] = headers_of(message["headers"], visit)
        elif message["type"] == "websocket.accept":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", visit.id.encode())]
            if SUBPROTOCOL in offered:
                message["subprotocol"] = SUBPROTOCOL
        await send(message)

    return dressed_send


def headers_of(own: Iterable[tuple[bytes, bytes]], visit: Visit) -> list[tuple[bytes, bytes]]:
    """Give an answer's headers with those that every answer has."""
    headers = [*own, *_ALWAYS, (b"x-request-id", visit.id.encode())]
    said = [name for name, _ in own if name in _UNLESS_SAID]
    headers += _UNLESS_SAID.items() if not said else [one for one in _UNLESS_SAID.items() if one[0] not in said]
    if (taken := visit.taken) is not None:
        headers += (
            (b"ratelimit-limit", b"%d" % taken.limit),
            (b"ratelimit-remaining", b"%d" % taken.remaining),
            (b"ratelimit-reset", b"%d" % taken.reset_s),
        )
    return headers
