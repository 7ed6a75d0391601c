"""The SQLite store alone: orders of five transitions each (place, start, choose, sign, land), many at once."""

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.report import calibration, percentiles, table
from bestfill import transition as to
from bestfill.events import OrderEvent
from bestfill.order import Order
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.transition import Transition
from bestfill.units import Millis, uuid7
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore

ORDERS, AT_ONCE, USERS, ROUNDS = 10_000, 500, 1_000, 3

Story = tuple[Order, OrderEvent, list[Transition]]


async def main() -> None:
    stories = [_story(number) for number in range(ORDERS)]
    gc.collect()
    gc.freeze()  # the stories are the benchmark's, and no part of what it measures
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):  # in turns, so that a machine with moods is fair to both
        for durable, of_it in rates.items():
            # On uvloop, as the service is; beside this thread's loop, which sleeps.
            of_it.append(await asyncio.to_thread(uvloop.run, _crowd(stories, durable)))
    lone = await asyncio.to_thread(uvloop.run, _lone(stories[:200]))
    full, normal = max(rates[True]), max(rates[False])
    gc.unfreeze()
    table(
        f"store: {ORDERS:,} orders of 5 transitions, {AT_ONCE} at once, best of {ROUNDS}",
        [
            *calibration(),
            ("orders a second, synchronous=FULL (as shipped)", f"{full:,.0f}"),
            ("orders a second, synchronous=NORMAL", f"{normal:,.0f}"),
            ("FULL to NORMAL", f"{full / normal:.2f}"),
            ("one transition alone, FULL", percentiles(lone)),
        ],
    )


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


async def _crowd(stories: list[Story], durable: bool) -> float:
    """Give the orders a second of callers that each take one order after another through its whole story."""
    with _store(durable) as store:
        waiting = iter(stories)

        async def caller() -> None:
            for order, event, moves in waiting:
                await store.place(order, event)
                for move in moves:
                    await store.commit(move)

        begin = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
        return len(stories) / (time.perf_counter() - begin)


async def _lone(stories: list[Story]) -> list[float]:
    """Give the seconds that each transition takes when nobody else writes."""
    spent: list[float] = []
    with _store(durable=True) as store:
        for order, event, moves in stories:
            await store.place(order, event)
            for move in moves:
                begin = time.perf_counter()
                await store.commit(move)
                spent.append(time.perf_counter() - begin)
    return spent


@contextmanager
def _store(durable: bool) -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        file = SqliteFile(Path(folder) / "bestfill.db", durable=durable)
        migrate(file.url)
        store = SqliteStore(file)
        store.start()
        try:
            yield store
        finally:
            store.close()
