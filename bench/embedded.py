"""The embedded mode from outside: a server process at zero mock latency, and a client over HTTP and WebSocket."""

import time

from bench.client import Trader
from bench.load import latency, throughput
from bench.process import server
from bench.report import calibration, table

ORDERS, CONNECTIONS, CONCURRENCY = 2_000, 64, 200
ZERO = {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0"}


async def bare() -> float:
    """Give what HTTP alone allows, in answers a second."""
    async with server("bench.bare") as url, Trader(url, "bare", CONNECTIONS) as trader:
        begin = time.perf_counter()
        await trader.crowd(ORDERS)
        return ORDERS / (time.perf_counter() - begin)


async def main() -> None:
    rows = calibration()
    most = await bare()
    rows.append((f"calibration: bare Litestar over {CONNECTIONS} connections", f"{most:,.0f} answers/s"))
    async with server(BESTFILL_CONCURRENCY=str(CONCURRENCY), **ZERO) as url:
        rows += await latency(url, rate=20, seconds=10)
        rows += await latency(url, rate=100, seconds=5)
        rows += await throughput(url, ORDERS, CONNECTIONS, most)
    table(f"embedded, zero mock latency, concurrency {CONCURRENCY}, client on the same machine", rows)
