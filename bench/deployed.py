"""The deployed mode from outside: PostgreSQL, Valkey, one API, workers and the client, all on this machine."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import psutil
from redis.asyncio import Redis

from bench.client import Trader
from bench.embedded import ZERO, bare
from bench.load import Rows, latency, throughput
from bench.process import server, worker
from bench.report import calibration, table
from bestfill_adapters.sql.migrate import migrate
from tools.servers import Postgres, Valkey
from tools.servers.databases import create_database, drop_database

ORDERS, CONNECTIONS, CONCURRENCY = 6_000, 64, 500
IN_FLIGHT, STEP_MS = 5_000, 3_000
FOUNDING_ORDERS = 120


async def main() -> None:
    with Postgres(durable=True) as postgres, Valkey() as valkey:
        rows = calibration() + await _servers(postgres.url, valkey.url)
        most = await bare()
        rows.append((f"calibration: bare Litestar over {CONNECTIONS} connections", f"{most:,.0f} answers/s"))
        at = (postgres.url, valkey)
        async with deployed(*at, workers=1, BESTFILL_CONCURRENCY=str(CONCURRENCY), **ZERO) as (url, _):
            rows += await latency(url, rate=20, seconds=20)
            rows += await latency(url, rate=100, seconds=10)
            rows += await throughput(url, ORDERS, CONNECTIONS, most)
        table(f"deployed, zero mock latency, one worker with concurrency {CONCURRENCY}", rows)
        table("deployed, many in flight", await _in_flight(*at))
        table("deployed, founding latencies, concurrency 10 a worker", await _founding(*at))


@asynccontextmanager
async def deployed(
    postgres_url: str, valkey: Valkey, workers: int, **environ: str
) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Run an API and some workers on a database of their own; give the API's address, and what further ones need."""
    database_url = create_database(postgres_url)
    valkey.flush()
    await asyncio.to_thread(migrate, database_url)
    environ |= {"DATABASE_URL": database_url, "REDIS_URL": valkey.url}
    async with AsyncExitStack() as stack:
        stack.callback(drop_database, postgres_url, database_url)
        url = await stack.enter_async_context(server(**environ))
        for _ in range(workers):
            await stack.enter_async_context(worker(**environ))
        yield url, environ


async def _servers(postgres_url: str, redis_url: str, seconds: float = 1.0) -> Rows:
    """Give what the servers do for one caller that waits for each answer."""
    inserts = round_trips = 0
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE calibration (a bigint PRIMARY KEY, b text)")
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        await connection.execute("INSERT INTO calibration VALUES ($1, $2)", inserts, "x" * 100)
        inserts += 1
    await connection.execute("DROP TABLE calibration")
    await connection.close()
    async with Redis.from_url(redis_url) as redis:
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            await redis.ping()
            round_trips += 1
    return [
        ("calibration: single-row asyncpg inserts a second", f"{inserts / seconds:,.0f}"),
        ("calibration: Redis round trips a second", f"{round_trips / seconds:,.0f}"),
    ]


async def _in_flight(postgres_url: str, valkey: Valkey) -> Rows:
    """Fill one worker: all orders wait when it starts, and each takes two steps of so long."""
    step = {"BESTFILL_MOCK_QUOTE_MS": str(STEP_MS), "BESTFILL_MOCK_CONFIRM_MS": str(STEP_MS)}
    async with (
        deployed(postgres_url, valkey, workers=0, BESTFILL_CONCURRENCY=str(IN_FLIGHT), **step) as (url, environ),
        Trader(url, "crowd", CONNECTIONS) as trader,
    ):
        await trader.watch()
        await trader.crowd(IN_FLIGHT)
        async with worker(**environ) as pid:
            begin = time.perf_counter()
            process, most = psutil.Process(pid), 0
            ended = asyncio.create_task(trader.all_ended(IN_FLIGHT))
            while not ended.done():
                most = max(most, process.memory_info().rss)
                await asyncio.wait([ended], timeout=0.1)
            spent = time.perf_counter() - begin
    ideal = 2 * STEP_MS / 1_000
    return [
        (f"{IN_FLIGHT:,} orders at {STEP_MS / 1_000:.0f} s a step", f"{spent:.1f} s, {spent / ideal:.2f} × the ideal"),
        ("failed", str(trader.failed)),
        ("the worker's memory at most", f"{most / 2**20:.0f} MB"),
    ]


async def _founding(postgres_url: str, valkey: Valkey) -> Rows:
    """Give the orders a minute of one worker and of two."""
    rates: list[float] = []
    for workers in (1, 2):
        count = FOUNDING_ORDERS * workers
        async with (
            deployed(postgres_url, valkey, workers, BESTFILL_CONCURRENCY="10") as (url, _),
            Trader(url, "founding", CONNECTIONS) as trader,
        ):
            await trader.watch()
            begin = time.perf_counter()
            await trader.crowd(count)
            await trader.all_ended(count)
            rates.append(count / (time.perf_counter() - begin) * 60)
    return [
        ("one worker", f"{rates[0]:.0f} orders a minute"),
        ("two workers", f"{rates[1]:.0f} orders a minute, {rates[1] / rates[0]:.2f} times as many"),
    ]
