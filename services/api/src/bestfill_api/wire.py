"""Bodies in and out."""

from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from bestfill_api.dto import encode

BODY_MAX_BYTES: Final = 16 * 1024

T = TypeVar("T", bound=msgspec.Struct)


class Json(Response[T], Generic[T]):
    """An answer as msgspec encodes it, sent without the detours that cookies and other encodings need."""

    def __init__(self, content: T, status_code: int = 200) -> None:
        self._status, self._body = status_code, encode(content)

    def to_asgi_response(self, *_: object, **__: object) -> "Json[T]":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Be the ASGI response oneself."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._body))]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


async def json_body(request: Request[Any, Any, Any]) -> bytes:
    """Give a body that says it is JSON. A page of another origin can't say so unasked, and so can't place orders.

    Raises:
        HTTPException: 413, it is too long; 415, it says otherwise, or nothing.
    """
    types = header_values(request.scope["headers"], b"content-type")
    media_type = types[0].partition(b";")[0].strip().lower() if len(types) == 1 else b""
    if media_type != b"application/json":
        raise HTTPException(status_code=415)
    body = b""
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise HTTPException(status_code=400)  # the client has gone, so nobody will see this
        body += message.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            raise HTTPException(status_code=413)
        if not message.get("more_body", False):
            return body


def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Give each value of a header; `name` in lower case, as ASGI has them."""
    return [value for key, value in headers if key == name]
