"""An API, two workers and 200 orders that they have in flight, in all stages."""

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from statistics import median
from typing import Final

import asyncpg
from attrs import define

from tests.deployed import ApiProcess, Worker, api, until, worker
from tests.e2e.faults.audit import Stalls, audit
from tests.e2e.faults.crowd import Crowd, crowd
from tools.chaos.recovery import Watch

COUNT: Final = 200
MORE: Final = range(COUNT, COUNT + 20)
"""What is placed while something fails."""
END_S: Final = 60
TAKE_OVER_S: Final = 20
SETTINGS: Final = {
    # Some wait for a place.
    "BESTFILL_CONCURRENCY": "90",
    "BESTFILL_MOCK_QUOTE_MS": "300-1500",
    "BESTFILL_MOCK_CONFIRM_MS": "300-1500",
    # Some are tried again, and a few fail for good.
    "BESTFILL_MOCK_FAILURE_RATE": "0.2",
    "BESTFILL_MOCK_REVERT_RATE": "0.03",
    "BESTFILL_MOCK_DROP_RATE": "0.03",
}

log = logging.getLogger(__name__)
Start = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Worker]]


@define(eq=False)
class Flight:
    """What is running, and who uses it. `database_url` is the direct way."""

    env: Mapping[str, str]
    database_url: str
    front: ApiProcess
    workers: list[Worker]
    clients: Crowd

    def workers_standing_still(self) -> AbstractContextManager[None]:
        """Have the workers stand still while the context lasts."""
        return standing_still(self.workers)

    async def all_end_well(self) -> Stalls:
        """Wait until all orders have ended and everybody was told, and see that all of it is right."""
        begun = time.monotonic()
        await self.clients.shown_all(END_S)
        spent = time.monotonic() - begun
        stalls = await audit(self.database_url, self.clients)
        log.info("all was told %.1f s later; %s ms; sockets cut %d times", spent, stalls, self.clients.resumed)
        return stalls

    async def all_taken_over(self) -> None:
        """Wait until somebody has begun to do something about each order that has not ended by now."""
        with closing(Watch(self.database_url)) as watch:

            async def moved_on() -> bool:
                await watch.look()
                return not watch.open

            await watch.wound("now")
            assert watch.open, "the database is away, or all orders have ended"
            await until(moved_on, TAKE_OVER_S)
        late = sorted(seconds for seconds in watch.orders_s if seconds > 2)
        told = f"median {median(late):.1f} s, longest {late[-1]:.1f} s" if late else "none"
        log.info("of %d orders, moved on after more than 2 s: %d: %s", len(watch.orders_s), len(late), told)


@contextmanager
def standing_still(workers: Sequence[Worker]) -> Iterator[None]:
    """Have workers stand still while the context lasts."""
    pids = [worker.working_pid for worker in workers]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def database(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def in_flight(
    env: Mapping[str, str], *, database_url: str | None = None, workers: tuple[Start, Start] = (worker, worker)
) -> AsyncIterator[Flight]:
    """Have the orders in flight. `database_url` is the direct way, if that of the settings is not."""
    env = {**env, **SETTINGS}
    database_url = database_url or env["DATABASE_URL"]
    async with AsyncExitStack() as stack:
        front, *two = await asyncio.gather(
            stack.enter_async_context(api(env)), *(stack.enter_async_context(start(env)) for start in workers)
        )
        for process in (front, *two):
            stack.callback(lambda said=process.said: log.info("said:\n%s", "".join(line[:300] for line in said)))
        clients = await stack.enter_async_context(crowd(front.url))
        async with database(database_url) as connection:
            await _fill(clients, two, connection)
        yield Flight(env, database_url, front, two, clients)


async def _fill(clients: Crowd, workers: Sequence[Worker], connection: asyncpg.Connection) -> None:
    """Place orders until they are in all stages: a second time, if the machine was so busy that it looked too late."""
    by_status: Counter[str] = Counter()

    async def in_all_stages() -> bool:
        rows = await connection.fetch("SELECT status, count(*) FROM orders GROUP BY status")
        by_status.clear()
        by_status.update({row[0]: row[1] for row in rows})
        return min(by_status["routing"], by_status["submitted"]) > COUNT // 10

    for first in range(0, 5_000, 1_000):
        with standing_still(workers):  # or those placed first would be done with on a busy machine
            await clients.place_all(range(first, first + COUNT))
        with suppress(TimeoutError):
            await until(in_all_stages, 5)
            log.info("in flight: %s", dict(by_status))
            return
    raise AssertionError(f"never in all stages at once: {dict(by_status)}")
