"""A client that takes as little of the machine as can be, since it runs beside what it measures."""

import asyncio
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Final, Self, cast
from urllib.parse import urlsplit

import aiohttp

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "minAmountOut": "140", "slippageTolerance": 0.5}


NO_HEADERS: Final[Mapping[str, str]] = {}


class Connection(asyncio.Protocol):
    """One kept-alive HTTP connection, for one request at a time."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"host: localhost\r\ncontent-type: application/json\r\n{lines}content-length: "
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length and self._answer is not None:
            self._received = b""
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server hung up"))

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Give the answer's status and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"POST {path} HTTP/1.1\r\n{self._head}{len(body)}\r\n\r\n".encode() + body)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Trader:
    """One user at the server: posts orders over many connections, and sees on one socket when they end.

    `headers` go with each request, such as the user's credential.
    """

    def __init__(self, url: str, user: str, connections: int, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self._url, self._user, self._count, self._headers = url, user, connections, headers
        self._body = json.dumps({"userId": user, **ORDER}).encode()
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        self._watcher: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.ended: dict[str, float] = {}
        self.failed = 0

    async def __aenter__(self) -> Self:
        where, loop = urlsplit(self._url), asyncio.get_running_loop()
        for _ in range(self._count):
            connect = partial(Connection, self._headers)
            _, connection = await loop.create_connection(connect, where.hostname or "", where.port or 0)
            self._free.put_nowait(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        while not self._free.empty():
            self._free.get_nowait().close()

    async def watch(self) -> None:
        """See the user's events from now on."""
        opened = asyncio.Event()
        self._watcher = asyncio.create_task(self._watch(opened))
        await opened.wait()

    async def _watch(self, opened: asyncio.Event) -> None:
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.ws_connect(f"{self._url}/ws?userId={self._user}&since=0") as socket,
        ):
            opened.set()
            async for message in socket:
                if '"confirmed"' in message.data or '"failed"' in message.data:
                    event = json.loads(message.data)
                    self.failed += event["status"] == "failed"
                    self.ended[event["orderId"]] = time.perf_counter()
                    self._changed.set()

    async def post(self) -> tuple[str, float, float]:
        """Give the order's id, when it was posted, and how long the answer took; waits for a free connection first."""
        connection = await self._free.get()
        begin = time.perf_counter()
        status, body = await connection.post("/api/orders/execute", self._body)
        took = time.perf_counter() - begin
        self._free.put_nowait(connection)
        if status != 202:
            raise SystemExit(f"{status}: {body.decode()}")
        return json.loads(body)["orderId"], begin, took

    async def crowd(self, count: int) -> list[float]:
        """Post so many orders, as many at once as there are connections; give how long each answer took."""
        left = iter(range(count))
        took: list[float] = []

        async def one_by_one() -> None:
            took.extend([(await self.post())[2] for _ in left])

        await asyncio.gather(*(one_by_one() for _ in range(self._count)))
        return took

    async def all_ended(self, count: int) -> None:
        """Return when the socket has shown the end of so many orders."""
        while len(self.ended) < count:
            self._changed.clear()
            await self._changed.wait()
