"""Serves a worker's metrics: GET /metrics over HTTP, from the event loop on which its orders run."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from bestfill_adapters.settings import SettingsError
from bestfill_adapters.telemetry.instruments import CONTENT_TYPE

HEAD_MAX_BYTES: Final = 8 * 1024
ANSWER_S: Final = 5.0
"""How long a request and its answer may take in all."""
AT_ONCE: Final = 16

log = logging.getLogger(__name__)


@asynccontextmanager
async def served(render: Callable[[], bytes], host: str, port: int | None) -> AsyncIterator[str | None]:
    """Serve metrics while the context lasts, and give their URL; None: there is no port, and nothing is served.

    Raises:
        SettingsError: the address can't be had.
    """
    if port is None:
        yield None
        return
    loop = asyncio.get_running_loop()
    page = _Page(render)
    try:
        address = (await loop.getaddrinfo(host, port))[0][4][0]
        server = await asyncio.start_server(page.answer, str(address), port, limit=HEAD_MAX_BYTES)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        problem = f"cannot listen on {host}, port {port}: {why}; name another port, or 0 for any free one"
        raise SettingsError([f"BESTFILL_METRICS_PORT: {problem}"]) from error
    async with server:
        taken = server.sockets[0].getsockname()
        name = f"[{taken[0]}]" if ":" in taken[0] else taken[0]
        url = f"http://{name}:{taken[1]}/metrics"
        log.info("metrics are served", extra={"url": url})
        yield url


class _Page:
    def __init__(self, render: Callable[[], bytes]) -> None:
        self._render = render
        self._open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and hang up; whoever takes too long, or comes when many are there, is cut off."""
        self._open += 1
        try:
            if self._open <= AT_ONCE:
                async with asyncio.timeout(ANSWER_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head))
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self._open -= 1
            writer.transport.abort()

    def _response(self, head: bytes) -> bytes:
        method, path, *_ = [*head.partition(b"\r\n")[0].split(b" "), b""]
        if path.partition(b"?")[0] != b"/metrics":
            status, body = HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n"
        elif method != b"GET":
            status, body = HTTPStatus.METHOD_NOT_ALLOWED, b"ask by GET\n"
        else:
            status, body = HTTPStatus.OK, self._render()
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"content-type: {CONTENT_TYPE}",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
            "connection: close",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
