"""The stores alone: orders of five transitions each (place, start, choose, sign, land), many at once."""

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import uvloop

from bench.report import calibration, percentiles, postgres_inserts_per_second, table
from bestfill import transition as to
from bestfill.events import OrderEvent
from bestfill.order import Order
from bestfill.ports import OrderStore
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.transition import Transition
from bestfill.units import Millis, uuid7
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from tools.servers import Postgres
from tools.servers.databases import create_database, drop_database

ORDERS, AT_ONCE, USERS, ROUNDS = 10_000, 500, 1_000, 3

Story = tuple[Order, OrderEvent, list[Transition]]


async def main() -> None:
    stories = [_story(number) for number in range(ORDERS)]
    gc.collect()
    gc.freeze()  # the stories are the benchmark's, and no part of what it measures
    await _sqlite(stories)
    with Postgres(durable=True) as server:
        # On uvloop, as the service is; beside this thread's loop, which sleeps.
        await asyncio.to_thread(uvloop.run, _postgres(stories, server))
    gc.unfreeze()


async def _sqlite(stories: list[Story]) -> None:
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):  # in turns, so that a machine with moods is fair to both
        for durable, of_it in rates.items():
            of_it.append(await asyncio.to_thread(uvloop.run, _crowd_in_a_file(stories, durable)))
    lone = await asyncio.to_thread(uvloop.run, _lone_in_a_file(stories[:200]))
    full, normal = max(rates[True]), max(rates[False])
    table(
        f"SQLite store: {ORDERS:,} orders of 5 transitions, {AT_ONCE} at once, best of {ROUNDS}",
        [
            *calibration(),
            ("orders a second, synchronous=FULL (as shipped)", f"{full:,.0f}"),
            ("orders a second, synchronous=NORMAL", f"{normal:,.0f}"),
            ("FULL to NORMAL", f"{full / normal:.2f}"),
            ("one transition alone, FULL", percentiles(lone)),
        ],
    )


async def _postgres(stories: list[Story], server: Postgres) -> None:
    single = await postgres_inserts_per_second(server.url)
    rates, client, served = [], [], []
    for _ in range(ROUNDS):
        async with _in_postgres(server) as store:
            begin, mine, its = time.perf_counter(), time.thread_time(), _cpu(server)
            await _crowd(store, stories)
            client.append((time.thread_time() - mine) / ORDERS)
            served.append((_cpu(server) - its) / ORDERS)
            rates.append(ORDERS / (time.perf_counter() - begin))
    async with _in_postgres(server) as store:
        lone = await _lone(store, stories[:200])
        ids = [order.id for order, _, _ in stories[:200]]
        begin = time.perf_counter()
        for _ in range(20):
            await asyncio.gather(*(store.get(order_id) for order_id in ids))
        reads = 20 * len(ids) / (time.perf_counter() - begin)
    table(
        f"PostgreSQL store: {ORDERS:,} orders of 5 transitions, {AT_ONCE} at once, best of {ROUNDS}",
        [
            ("calibration: single-row asyncpg inserts a second", f"{single:,.0f}"),
            ("orders a second, synchronous_commit on", f"{max(rates):,.0f}"),
            ("transitions to single-row inserts", f"{5 * max(rates) / single:.1f}"),
            ("CPU an order, this process", f"{min(client) * 1e6:,.0f} µs"),
            ("CPU an order, PostgreSQL", f"{min(served) * 1e6:,.0f} µs"),
            ("one transition alone", percentiles(lone)),
            ("orders read a second, 200 at once", f"{reads:,.0f}"),
        ],
    )


def _cpu(server: Postgres) -> float:
    """Give the CPU seconds of the server's processes, ended ones too."""
    assert server.pid is not None
    mother = psutil.Process(server.pid)
    times = [mother.cpu_times(), *(child.cpu_times() for child in mother.children())]
    ended = times[0].children_user + times[0].children_system
    return sum(t.user + t.system for t in times) + ended


def _story(number: int) -> Story:
    asked = samples.request(user_id=f"user-{number % USERS}")
    order_id = uuid7(Millis(NOW + number // 4), random.getrandbits(74))
    order, event = to.place(order_id, asked, Millis(NOW + 300_000), NOW)
    moves = [samples.started(order)]
    for step in (samples.chosen, samples.submitted, samples.landed):
        attempt = moves[-1].attempt
        assert attempt is not None
        moves.append(step(moves[-1].order, attempt))
    return order, event, moves


async def _crowd(store: OrderStore, stories: list[Story]) -> None:
    """Have callers take one order after another through its whole story."""
    waiting = iter(stories)

    async def caller() -> None:
        for order, event, moves in waiting:
            await store.place(order, event)
            for move in moves:
                await store.commit(move)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def _lone(store: OrderStore, stories: list[Story]) -> list[float]:
    """Give the seconds that each transition takes when nobody else writes."""
    spent: list[float] = []
    for order, event, moves in stories:
        await store.place(order, event)
        for move in moves:
            begin = time.perf_counter()
            await store.commit(move)
            spent.append(time.perf_counter() - begin)
    return spent


async def _crowd_in_a_file(stories: list[Story], durable: bool) -> float:
    """Give the orders a second."""
    with _in_a_file(durable) as store:
        begin = time.perf_counter()
        await _crowd(store, stories)
        return len(stories) / (time.perf_counter() - begin)


async def _lone_in_a_file(stories: list[Story]) -> list[float]:
    with _in_a_file(durable=True) as store:
        return await _lone(store, stories)


@contextmanager
def _in_a_file(durable: bool) -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        file = SqliteFile(Path(folder) / "bestfill.db", durable=durable)
        migrate(file.url)
        store = SqliteStore(file)
        store.start()
        try:
            yield store
        finally:
            store.close()


@asynccontextmanager
async def _in_postgres(server: Postgres) -> AsyncIterator[PostgresStore]:
    url = create_database(server.url)
    migrate(url)
    store = PostgresStore(url)
    await store.start()
    try:
        yield store
    finally:
        await store.close()
        drop_database(server.url, url)
