"""What access control and limits cost, and what hostile requests do to honest users: both paired, in one run."""

import asyncio
import multiprocessing
import operator
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, islice
from multiprocessing.connection import Connection
from typing import Final
from urllib.parse import urlsplit

import psutil
import uvloop
from attrs import define, field

from bench.client import Trader
from bench.embedded import ZERO
from bench.load import Rows
from bench.process import server
from bench.report import calibration, percentile, percentiles, table
from bestfill.access import Scope
from bestfill_adapters.sql.migrate import migrate
from tools.hostile import LAST, Enemy, broken, sockets, talk, whole
from tools.keys import bearer, make_key
from tools.servers import Postgres, Valkey

ROUNDS, USERS, ORDERS_EACH = 24, 64, 20
HOSTILE, AT_ONCE, IN_ONE_GO = 10_000, 8, 50
HONEST_PER_S, HONEST_S = 50, 10
ENEMYS_ADDRESS: Final = "127.0.0.2"
GUARDED: Final = {
    "BESTFILL_AUTH": "keys",
    "BESTFILL_LIMIT_IP": "30000/60",
    "BESTFILL_LIMIT_KEY": "12000/60",
    "BESTFILL_LIMIT_ORDERS": "6000/60",
    "BESTFILL_LIMIT_SOCKETS": "100",
}
"""All there is: ten times the defaults, so that none of it is in the way."""

Server = tuple[str, Mapping[str, str]]
"""Where a server is, and its settings."""


async def main() -> None:
    each = f"{ROUNDS} rounds at each in turns, of {USERS} users with {ORDERS_EACH} orders each"
    table(f"access control and limits: {each}", await _costs())
    table(f"{HOSTILE:,} hostile requests, and an honest user of another address", await _honest())


async def _costs() -> Rows:
    rows = calibration()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain = {"BESTFILL_DATA_DIR": one, "BESTFILL_CONCURRENCY": "200", **ZERO}
        rows += await _paired("embedded", plain, {**plain, "BESTFILL_DATA_DIR": other, **GUARDED})
    with Postgres(durable=True) as postgres, Valkey() as valkey:
        migrate(postgres.url)
        plain = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}
        rows += await _paired("deployed", plain, {**plain, **GUARDED})
    return rows


async def _paired(mode: str, plain: Mapping[str, str], guarded: Mapping[str, str]) -> Rows:
    """Place orders at both in turns; the one that waits has nothing to do."""
    anybody, holders = _Figures(), _Figures()
    for order in (1, -1):  # of two servers with the same settings, the one that is started last is a little slower
        async with AsyncExitStack() as stack:
            pair = ((plain, anybody), (guarded, holders))[::order]
            crowds = [await stack.enter_async_context(_crowd(*one)) for one in pair]
            for number in range(-1, ROUNDS // 2):  # the first is to warm up
                for crowd in crowds[:: 1 if number % 2 else -1]:
                    await crowd.round(counts=number >= 0)
                    await asyncio.sleep(1)  # the embedded engine executes the rest of them
    slower = statistics.median(map(operator.truediv, holders.rates, anybody.rates))
    dearer = statistics.median(map(operator.truediv, holders.costs, anybody.costs))
    return [
        (f"{mode}: accepted from anybody, without limits", str(anybody)),
        (f"{mode}: accepted with keys, all limits on", str(holders)),
        (f"{mode}: the latter as a part of the former", f"rate {slower:.2f}, processor time {dearer:.2f}"),
    ]


@define
class _Figures:
    """Orders a second, and processor time an order, of each round."""

    rates: list[float] = field(factory=list[float])
    costs: list[float] = field(factory=list[float])

    def __str__(self) -> str:
        return f"{statistics.median(self.rates):,.0f} orders/s, {statistics.median(self.costs) * 1e6:.0f} µs an order"


class _Crowd:
    """Users of one server, each with a connection and a key of their own."""

    def __init__(self, users: Sequence[Trader], server: psutil.Process, figures: _Figures) -> None:
        self._users, self._server, self._figures = users, server, figures

    async def round(self, *, counts: bool) -> None:
        begin, spent, orders = time.perf_counter(), self._cpu_s(), len(self._users) * ORDERS_EACH
        await asyncio.gather(*(user.crowd(ORDERS_EACH) for user in self._users))
        if counts:
            self._figures.rates.append(orders / (time.perf_counter() - begin))
            self._figures.costs.append((self._cpu_s() - spent) / orders)

    def _cpu_s(self) -> float:
        times = self._server.cpu_times()
        return times.user + times.system


@asynccontextmanager
async def _crowd(environ: Mapping[str, str], figures: _Figures) -> AsyncIterator[_Crowd]:
    before = {child.pid for child in psutil.Process().children()}
    async with server(**environ) as url, AsyncExitStack() as stack:
        users: list[Trader] = []
        for number in range(USERS):
            headers: dict[str, str] = {}
            if "BESTFILL_AUTH" in environ:
                headers = bearer(await make_key(environ, f"user-{number}", Scope.TRADE))
            users.append(await stack.enter_async_context(Trader(url, f"user-{number}", 1, headers)))
        (process,) = [
            child
            for child in psutil.Process().children()
            if child.pid not in before and "bestfill_api" in child.cmdline()
        ]
        yield _Crowd(users, process, figures)


async def _honest() -> Rows:
    """Place orders at a steady rate, for a while in peace, and then until the attack is over."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {"BESTFILL_DATA_DIR": folder, **ZERO, **GUARDED}
        keys = {user: await make_key(environ, user, Scope.TRADE) for user in ("honest", "enemy")}
        async with server(**environ) as url, Trader(url, "honest", AT_ONCE, bearer(keys["honest"])) as trader:
            order_id, _, _ = await trader.post()
            peace = await _steady(trader, asyncio.create_task(asyncio.sleep(HONEST_S)))
            attack = _Attack(url, keys["enemy"], order_id)
            war = await _steady(trader, asyncio.create_task(attack.run()))
    ratio = percentile(war, 0.99) / percentile(peace, 0.99)
    return [
        (f"submit at {HONEST_PER_S}/s in peace", percentiles(peace)),
        ("submit during the attack", percentiles(war)),
        ("p99 of the latter as a part of the former", f"{ratio:.2f}"),
        ("hostile requests", f"{HOSTILE / attack.took_s:,.0f}/s"),
    ]


async def _steady(trader: Trader, until: "asyncio.Task[None]") -> list[float]:
    begin, tasks = time.perf_counter(), list[asyncio.Task[tuple[str, float, float]]]()
    while not until.done():
        tasks.append(asyncio.create_task(trader.post()))
        await asyncio.sleep(max(0.0, begin + len(tasks) / HONEST_PER_S - time.perf_counter()))
    await until
    return [took for _, _, took in await asyncio.gather(*tasks)]


class _Attack:
    """A process that sends hostile requests, as fast as they are answered."""

    def __init__(self, url: str, key: str, order_id: str) -> None:
        self._arguments = (url, key, order_id)
        self.took_s = 0.0

    async def run(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=_attack, args=(theirs, *self._arguments), daemon=True)
        process.start()
        theirs.close()  # or else its death would not end the wait
        self.took_s = await asyncio.to_thread(pipe.recv)
        await asyncio.to_thread(process.join)


def _attack(pipe: Connection, url: str, key: str, order_id: str) -> None:
    pipe.send(uvloop.run(_send_all(url, Enemy(key, order_id))))


async def _send_all(url: str, enemy: Enemy) -> float:
    """Send them all; give how long it took."""
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 0
    requests = islice((request for _ in cycle([0]) for request in whole(enemy)), HOSTILE * 6 // 10)
    ending = islice((request for _ in cycle([0]) for request in broken(enemy)), HOSTILE * 35 // 100)
    upgrades = islice((pair for _ in cycle([0]) for pair in sockets(enemy)), HOSTILE * 5 // 100)

    async def send_some() -> None:
        while some := b"".join(islice(requests, IN_ONE_GO)):
            await talk(host, port, some + LAST, origin=ENEMYS_ADDRESS)
            for request in islice(ending, IN_ONE_GO * 35 // 60):
                await talk(host, port, request, origin=ENEMYS_ADDRESS)
            for pair in islice(upgrades, IN_ONE_GO * 5 // 60):
                await talk(host, port, *pair, origin=ENEMYS_ADDRESS)

    begin = time.perf_counter()
    await asyncio.gather(*(send_some() for _ in range(AT_ONCE)))
    return time.perf_counter() - begin
