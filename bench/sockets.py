"""The live side of a deployed API: thousands of sockets, each following an order, and one that follows a busy user.

Events are committed to PostgreSQL and published through Valkey by this process, as a worker does; the sockets are held
by processes of their own.
"""

import asyncio
import gc
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import aiohttp
import psutil
import uvloop

from bench.process import server
from bench.report import calibration, percentiles, table
from bestfill.events import OrderEvent
from bestfill.order import Order
from bestfill.testing import samples
from bestfill.transition import Transition
from bestfill_adapters.redis import RedisNotifier
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.postgres import PostgresStore
from tools.servers import Postgres, Valkey

API: Final = "bestfill_api"
SOCKETS, RATE, CLIENTS = 5_000, 1_000, 2
BUSY_ORDERS, BUSY_AT_ONCE = 3_000, 200
STEPS = 4

Seen = list[tuple[str, int, float]]
"""An order's id, an event's number, and when it came (seconds of the monotonic clock, one for all processes)."""


async def main() -> None:
    rows = calibration()
    _more_files()
    with Postgres(durable=True) as postgres, Valkey() as valkey:
        migrate(postgres.url)
        settings = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "LOG_LEVEL": "warn"}
        async with server(API, **settings) as url:
            # On uvloop, as a worker is; beside this thread's loop, which sleeps.
            rows += await asyncio.to_thread(uvloop.run, _live(url, postgres.url, valkey.url))
    table(f"sockets: {SOCKETS:,} on one API, {CLIENTS} client processes, all on the same machine", rows)


async def _live(url: str, database_url: str, redis_url: str) -> list[tuple[str, str]]:
    store, notifier = PostgresStore(database_url), RedisNotifier(redis_url)
    await store.start()
    try:
        desk = _Desk(store, notifier, _api_process())
        return await _many(url, desk) + await _busy(url, desk)
    finally:
        await notifier.close()
        await store.close()


class _Desk:
    """Commits and publishes, and knows when it published what."""

    def __init__(self, store: PostgresStore, notifier: RedisNotifier, api: psutil.Process) -> None:
        self.store, self.notifier, self.api = store, notifier, api
        self.published: dict[tuple[str, int], float] = {}

    async def place(self, numbers: range, user: Callable[[int], str]) -> list[tuple[Order, list[Transition]]]:
        stories = [_story(number, user(number)) for number in numbers]
        await asyncio.gather(*(self.store.place(order, event) for order, event, _ in stories))
        return [(order, moves) for order, _, moves in stories]

    async def move(self, transition: Transition) -> None:
        event = await self.store.commit(transition)
        assert event is not None
        self.published[event.order_id, event.seq] = time.monotonic()
        await self.notifier.publish([event])

    def cpu_s(self) -> float:
        times = self.api.cpu_times()
        return times.user + times.system


async def _many(url: str, desk: _Desk) -> list[tuple[str, str]]:
    stories = await desk.place(range(SOCKETS), lambda number: f"user-{number}")
    watchers = [_Watcher(url, [f"/ws/{order.id}?since=1" for order, _ in stories[n::CLIENTS]]) for n in range(CLIENTS)]
    before = desk.api.memory_info().rss
    await asyncio.gather(*(watcher.open() for watcher in watchers))
    memory = desk.api.memory_info().rss - before
    _set_aside()

    await asyncio.sleep(5)
    idle = desk.cpu_s()
    await asyncio.sleep(5)
    idle = (desk.cpu_s() - idle) / 5

    begin, spent = time.perf_counter(), desk.cpu_s()
    tasks: list[asyncio.Task[None]] = []
    late: list[float] = []
    for number, transition in enumerate(moves[step] for step in range(STEPS) for _, moves in stories):
        if (early := begin + number / RATE - time.perf_counter()) > 0:
            await asyncio.sleep(early)
            late.append(time.perf_counter() - begin - number / RATE)
        tasks.append(asyncio.create_task(desk.move(transition)))
    await asyncio.gather(*tasks)
    seen = [one for watcher in watchers for one in await watcher.seen()]
    spent = desk.cpu_s() - spent
    rate = len(tasks) / (time.perf_counter() - begin)

    numbers: dict[str, list[int]] = {order.id: [] for order, _ in stories}
    for order_id, seq, _ in seen:
        numbers[order_id].append(seq)
    wrong = sum(came != [2, 3, 4, 5] for came in numbers.values())
    return [
        ("calibration: how late a timer of the publisher came", percentiles(late)),
        (
            f"published → received at {rate:,.0f} events/s",
            percentiles([at - desk.published[o, s] for o, s, at in seen]),
        ),
        ("sockets with an event missing, repeated or out of order", f"{wrong} of {SOCKETS:,}"),
        ("memory of the API", f"{memory / SOCKETS / 1024:.1f} KB a socket"),
        ("processor time of the API", f"{spent / len(tasks) * 1e6:.0f} µs an event, {idle:.1%} of a core while quiet"),
    ]


async def _busy(url: str, desk: _Desk) -> list[tuple[str, str]]:
    stories = await desk.place(range(SOCKETS, SOCKETS + BUSY_ORDERS), lambda _: "busy")
    watcher = _Watcher(url, ["/ws?userId=busy"], BUSY_ORDERS * STEPS)
    await watcher.open()
    begin, spent = time.perf_counter(), desk.cpu_s()
    left = iter(stories)

    async def work() -> None:
        for _, moves in left:
            for transition in moves:
                await desk.move(transition)

    await asyncio.gather(*(work() for _ in range(BUSY_AT_ONCE)))
    seen = await watcher.seen()
    rate = len(seen) / (time.perf_counter() - begin)
    spent = (desk.cpu_s() - spent) / len(seen)
    return [
        (f"one user's socket, {rate:,.0f} events/s", percentiles([at - desk.published[o, s] for o, s, at in seen])),
        ("processor time of the API for it", f"{spent * 1e6:.0f} µs an event"),
    ]


def _story(number: int, user: str) -> tuple[Order, OrderEvent, list[Transition]]:
    order, event = samples.new_order(number, samples.request(user_id=user))
    moves = [samples.started(order)]
    for step in (samples.chosen, samples.submitted, samples.landed):
        attempt = moves[-1].attempt
        assert attempt is not None
        moves.append(step(moves[-1].order, attempt))
    return order, event, moves


class _Watcher:
    """A process that opens sockets and reads each to its end, or so many events of all."""

    def __init__(self, url: str, paths: Sequence[str], count: int = 0) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = spawn.Pipe()
        self._process = spawn.Process(target=_watch, args=(self._theirs, url, paths, count), daemon=True)

    async def open(self) -> None:
        self._process.start()
        self._theirs.close()  # or else its death would not end the wait
        await asyncio.to_thread(self._pipe.recv)

    async def seen(self) -> Seen:
        seen = await asyncio.to_thread(self._pipe.recv)
        await asyncio.to_thread(self._process.join)
        return seen


def _watch(pipe: Connection, url: str, paths: Sequence[str], count: int) -> None:
    _more_files()
    pipe.send(uvloop.run(_read(pipe, url, paths, count)))


async def _read(pipe: Connection, url: str, paths: Sequence[str], count: int) -> Seen:
    seen: Seen = []
    opening = asyncio.Semaphore(50)
    opened = asyncio.Event()
    waiting = len(paths)

    async def follow(http: aiohttp.ClientSession, path: str) -> None:
        nonlocal waiting
        async with opening:
            socket = await http.ws_connect(f"{url}{path}", autoclose=True, max_msg_size=0)
        waiting -= 1
        if not waiting:
            opened.set()
        async for message in socket:
            now = time.monotonic()
            event: dict[str, Any] = json.loads(message.data)
            seen.append((event["orderId"], event["seq"], now))
            if len(seen) == count:
                break
        await socket.close()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        following = asyncio.gather(*(follow(http, path) for path in paths))
        await opened.wait()
        await asyncio.sleep(1)  # the server may not have read the store for the last of them
        _set_aside()
        pipe.send(None)
        await following
    return seen


def _api_process() -> psutil.Process:
    return next(child for child in psutil.Process().children() if API in child.cmdline())


def _set_aside() -> None:
    """Keep the collector from what this process has made so far: its pauses are no part of what is measured."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _more_files() -> None:
    """Allow as many open sockets as this process may have; its children may have them too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
