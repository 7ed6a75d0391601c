"""The embedded mode from outside: a server process at zero mock latency, and a client over HTTP and WebSocket."""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from bench.report import calibration, percentiles, table

ORDERS, CONNECTIONS, CONCURRENCY = 2_000, 64, 200
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "minAmountOut": "140", "slippageTolerance": 0.5}


@asynccontextmanager
async def server(module: str = "bestfill_api", **environ: str) -> AsyncIterator[str]:
    """Start `python -m MODULE` on a free port and an empty folder; give its address."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env={**os.environ, "PORT": str(port), "BESTFILL_DATA_DIR": folder, "LOG_LEVEL": "info", **environ},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield await _ready(f"http://127.0.0.1:{port}", process)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def _ready(url: str, process: asyncio.subprocess.Process) -> str:
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            if process.returncode is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            try:
                async with http.get(f"{url}/health/ready") as answer:
                    if answer.status == 200:
                        return url
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
    raise SystemExit("the server did not become ready")


class Desk:
    """One user at the server: posts orders, and sees on one socket when they end."""

    def __init__(self, http: aiohttp.ClientSession, url: str, user: str) -> None:
        self.http, self.url, self.user = http, url, user
        self.ended: dict[str, float] = {}
        self.failed = 0
        self._changed = asyncio.Event()

    async def watch(self) -> None:
        async with self.http.ws_connect(f"{self.url}/ws?userId={self.user}&since=0") as socket:
            async for message in socket:
                event = json.loads(message.data)
                if event["status"] in ("confirmed", "failed"):
                    self.failed += event["status"] == "failed"
                    self.ended[event["orderId"]] = time.perf_counter()
                    self._changed.set()

    async def post(self) -> tuple[str, float, float]:
        """Give the order's id, when it was posted, and how long the answer took."""
        begin = time.perf_counter()
        body = {"userId": self.user, **ORDER}
        async with self.http.post(f"{self.url}/api/orders/execute", json=body) as answer:
            if answer.status != 202:
                raise SystemExit(await answer.text())
            return (await answer.json())["orderId"], begin, time.perf_counter() - begin

    async def all_ended(self, count: int) -> None:
        while len(self.ended) < count:
            self._changed.clear()
            await self._changed.wait()


async def accept(desk: Desk) -> list[float]:
    """Post all orders over many connections; give how long each answer took."""
    left = iter(range(ORDERS))
    took: list[float] = []

    async def client() -> None:
        for _ in left:
            _, _, spent = await desk.post()
            took.append(spent)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return took


async def bare(http: aiohttp.ClientSession) -> float:
    """What HTTP alone allows, in answers a second."""
    async with server("bench.bare") as url:
        begin = time.perf_counter()
        await accept(Desk(http, url, "bare"))
        return ORDERS / (time.perf_counter() - begin)


async def throughput(http: aiohttp.ClientSession, url: str, most: float) -> list[tuple[str, str]]:
    desk = Desk(http, url, "throughput")
    watcher = asyncio.create_task(desk.watch())
    begin = time.perf_counter()
    took = await accept(desk)
    posted = time.perf_counter() - begin
    await desk.all_ended(ORDERS)
    spent = time.perf_counter() - begin
    watcher.cancel()
    return [
        (f"{ORDERS:,} orders to confirmed", f"{ORDERS / spent:,.0f} orders/s, {desk.failed} failed"),
        ("as a part of bare HTTP", f"{ORDERS / spent / most:.2f}"),
        (f"accepting them over {CONNECTIONS} connections", f"{ORDERS / posted:,.0f} orders/s"),
        ("submit under that load", percentiles(took)),
    ]


async def latency(http: aiohttp.ClientSession, url: str, rate: int, seconds: int) -> list[tuple[str, str]]:
    desk = Desk(http, url, f"at-{rate}")
    watcher = asyncio.create_task(desk.watch())
    await desk.post()  # so that connections are open
    begin, count, tasks = time.perf_counter(), rate * seconds, []
    for i in range(count):
        await asyncio.sleep(max(0.0, begin + i / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(desk.post()))
    posted = await asyncio.gather(*tasks)
    await desk.all_ended(count + 1)
    watcher.cancel()
    return [
        (f"submit at {rate}/s", percentiles([took for _, _, took in posted])),
        (f"submit → confirmed at {rate}/s", percentiles([desk.ended[i] - began for i, began, _ in posted])),
    ]


async def main() -> None:
    rows = calibration()
    zero = {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0", "BESTFILL_CONCURRENCY": str(CONCURRENCY)}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        most = await bare(http)
        rows.append((f"calibration: bare Litestar over {CONNECTIONS} connections", f"{most:,.0f} answers/s"))
    async with server(**zero) as url, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        rows += await latency(http, url, rate=20, seconds=10)
        rows += await latency(http, url, rate=100, seconds=5)
        rows += await throughput(http, url, most)
    table(f"embedded, zero mock latency, concurrency {CONCURRENCY}, client on the same machine", rows)
