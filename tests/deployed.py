"""The deployed mode as processes: an API, some workers, what they are told and what they say. For end-to-end tests."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from attrs import define, field
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).parents[1]
START_S = 60
ORDER = {
    "userId": "user-123",
    "tokenIn": "So11111111111111111111111111111111111111112",
    "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "amountIn": "1.5",
    "minAmountOut": "140",
    "slippageTolerance": 0.5,
}
STORY = ["pending", "routing", "building", "submitted", "confirmed"]


def environment(database_url: str, redis_url: str, **settings: str) -> dict[str, str]:
    """Give the settings of quick services; nothing of the caller's own."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    quick = {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0", "LOG_LEVEL": "warn", "PORT": "0"}
    return kept | urls | quick | settings


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 30) -> None:
    """Look again and again until it holds."""
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.02)


@define
class Process:
    """A service's process. All of it is killed in the end, whatever the test did."""

    process: asyncio.subprocess.Process
    ready_line: str = ""
    said: list[str] = field(factory=list)
    """What it has written to stderr, by line."""
    _hearing: asyncio.Task[None] | None = None

    @classmethod
    async def spawn(cls, module: str, env: Mapping[str, str]) -> Self:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", module)
        made = cls(
            await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, start_new_session=True
            )
        )
        made._hearing = asyncio.create_task(made._hear())
        return made

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ready(self) -> None:
        """Wait for the line that says so."""
        assert self.process.stdout is not None
        self.ready_line = (await asyncio.wait_for(self.process.stdout.readline(), START_S)).decode()
        assert "ready" in self.ready_line, (self.ready_line, self.said)

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end and that of all it started; give the exit code, and what it said on stderr."""
        assert self._hearing is not None  # until nobody holds stderr any more
        async with asyncio.timeout(START_S):
            await self.process.wait()
            await self._hearing
        assert self.process.returncode is not None
        return self.process.returncode, "".join(self.said)

    async def kill(self) -> None:
        """Kill it, and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.ended()

    async def _hear(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode())


@define
class Worker(Process):
    """A worker: Dramatiq's minding process, and the one that works."""

    @property
    def working_pid(self) -> int:
        """The process that has the orders in hand."""
        return int(self.ready_line.rstrip(")\n").rpartition(" ")[2])


@define
class ApiProcess(Process):
    """An API, once it is ready."""

    url: str = ""
    http: aiohttp.ClientSession = field(init=False)

    async def ready(self) -> None:
        await super().ready()
        self.url = self.ready_line.split()[4]

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    async def place(self, **fields: object) -> str:
        async with self.http.post("/api/orders/execute", json=ORDER | fields) as answer:
            assert answer.status == 202, await answer.text()
            return (await answer.json())["orderId"]

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def counts(self) -> dict[str, int]:
        return await self.get("/api/queue/stats")

    async def follow(self, path: str) -> tuple[list[dict[str, Any]], int]:
        """Follow a socket to its close; give the events and the code."""
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(60), connect(self.url.replace("http", "ws") + path) as following:
            try:
                while True:
                    told.append(json.loads(await following.recv()))
            except ConnectionClosed as closed:
                return told, code_of(closed)

    async def stories(self, ids: Iterable[str]) -> list[list[str]]:
        """Follow each order to its end; give the statuses."""
        told = await asyncio.gather(*(self.follow(f"/ws/{order_id}") for order_id in ids))
        assert all([e["seq"] for e in events] == [*range(1, len(events) + 1)] for events, _ in told)
        return [[e["status"] for e in events] for events, _ in told]


def code_of(closed: ConnectionClosed) -> int:
    assert closed.rcvd is not None, "the server did not say why"
    return closed.rcvd.code


@asynccontextmanager
async def api(env: Mapping[str, str], **settings: str) -> AsyncIterator[ApiProcess]:
    """Start an API."""
    process = await ApiProcess.spawn("bestfill_api", {**env, **settings})
    try:
        await process.ready()
        async with aiohttp.ClientSession(process.url) as process.http:
            yield process
    finally:
        await process.kill()


@asynccontextmanager
async def worker(env: Mapping[str, str], *, module: str = "bestfill_worker", **settings: str) -> AsyncIterator[Worker]:
    """Start a worker."""
    process = await Worker.spawn(module, {**env, **settings})
    try:
        await process.ready()
        yield process
    finally:
        await process.kill()


async def finished(module: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a service that is not expected to start; give its exit code, and what it said."""
    process = await Process.spawn(module, env)
    try:
        return await process.ended()
    finally:
        await process.kill()
