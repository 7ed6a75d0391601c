"""How the edge says no: a problem like any other, to sockets too, before they are accepted."""

import logging
from typing import Any, Final

from litestar.exceptions import HTTPException
from litestar.types import Message, Send

from bestfill.errors import Forbidden, RateLimited, Unauthorized, plain
from bestfill.ports import Telemetry
from bestfill_api.problems import answer

_EXTENSION: Final = "websocket.http.response"
_CLOSE_CODES: Final = 4_000
"""With the status added: what a socket is closed with whose server can't send it a problem."""
_REASON_MAX_CHARS: Final = 120
_TOO_MANY: Final = 429

log = logging.getLogger(__name__)


def tell(telemetry: Telemetry, error: Exception) -> None:
    """Tell operators who was kept out, and why in a word; other errors are no business of theirs."""
    match error:
        case Unauthorized():
            telemetry.refused("unauthorized")
        case Forbidden():
            telemetry.refused("forbidden")
        case HTTPException(status_code=403):
            telemetry.refused("origin")
        case HTTPException(status_code=421):
            telemetry.refused("host")
        case RateLimited():
            telemetry.limited(error.limit)
        case _:
            pass


async def refuse(scope: Any, send: Send, error: Exception, client: str) -> None:
    """Answer a request or a socket with a problem."""
    response = answer(error, scope)
    status, body = response.status_code or 500, bytes(response.content)
    if status != _TOO_MANY:  # of which there may be any number
        log.info("refused", extra={"status": status, "path": plain(scope["path"]), "client": client})
    headers = [(name.lower().encode(), str(value).encode()) for name, value in response.headers.items()]
    headers += [(b"content-type", str(response.media_type).encode()), (b"content-length", b"%d" % len(body))]
    if isinstance(error, RateLimited) and error.limit == "turns":
        headers.append((b"connection", b"close"))  # or what else is on its way would be refused as well, one by one
    if scope["type"] == "http":
        prefix = "http.response"
    elif _EXTENSION in (scope.get("extensions") or ()):
        prefix = _EXTENSION
    else:
        reason = str(error)[:_REASON_MAX_CHARS]
        await send({"type": "websocket.close", "code": _CLOSE_CODES + status, "reason": reason})
        return
    start: Any = {"type": f"{prefix}.start", "status": status, "headers": headers}
    await send(start)
    rest: Any = {"type": f"{prefix}.body", "body": body, "more_body": False}
    await send(rest)


def refusing_sockets(scope: Any, send: Send, client: str) -> Send:
    """Give a `send` by which a socket that the application does not accept is refused in the same way."""
    accepted = False

    async def refusing_send(message: Message) -> None:
        nonlocal accepted
        if message["type"] == "websocket.accept":
            accepted = True
        elif message["type"] == "websocket.close" and not accepted:
            failed = message.get("reason") == "Internal Server Error"  # Litestar's word for what it does not know
            await refuse(scope, send, HTTPException(status_code=500 if failed else 404), client)
            return
        await send(message)

    return refusing_send
