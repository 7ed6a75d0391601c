"""Ten thousand hostile requests to a running API that asks for keys: none breaks it, none learns what is another's, and
honest users are served meanwhile.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import aiohttp
import psutil
import pytest
from attrs import define, field

from bestfill.access import Scope
from tests.deployed import ORDER, ApiProcess
from tests.embedded import environment, started
from tools.hostile import LAST, Enemy, broken, sockets, talk, whole
from tools.keys import bearer, make_key

WHOLE, BROKEN, SOCKETS, SLOW = 6_000, 3_400, 500, 100
"""Requests that are answered one after the other, those that end their connection, sockets, and slow clients."""
IN_ONE_GO = 50
GROWTH_MAX_BYTES = 40 * 2**20
VICTIM = "victim-of-hostility"
"""A user whose name no hostile request has."""

_STATUS: Final = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r]*\r\n(.*?\r\n)\r\n", re.DOTALL)
_LENGTH: Final = re.compile(rb"content-length: ([0-9]+)", re.IGNORECASE)


@define
class Attack:
    """Sends all that, and keeps what came of it."""

    api: ApiProcess
    secrets: tuple[bytes, ...]
    """What no answer may have."""
    statuses: Counter[int] = field(factory=Counter[int])
    ended: int = 0

    async def all_of(self, make: Callable[[], Iterator[bytes]], count: int, in_one_go: int) -> None:
        """Send so many, over connections of so many each, eight connections at a time."""
        requests = islice((request for _ in cycle([0]) for request in make()), count)

        async def send_some() -> None:
            while some := [*islice(requests, in_one_go)]:
                if in_one_go > 1:
                    some.append(LAST)
                self.judge(
                    await talk(self.api.host, self.api.port, b"".join(some)), at_least=len(some) if in_one_go > 1 else 0
                )

        await asyncio.gather(*(send_some() for _ in range(8)))

    async def upgrade(self, make: Callable[[], Iterator[tuple[bytes, bytes]]], count: int) -> None:
        """Open so many sockets, or try to."""
        pairs = islice((pair for _ in cycle([0]) for pair in make()), count)

        async def try_some() -> None:
            for handshake, after in pairs:
                self.judge(await talk(self.api.host, self.api.port, handshake, after), at_least=0)

        await asyncio.gather(*(try_some() for _ in range(8)))

    def judge(self, told: bytes, at_least: int) -> None:
        """Look at what came over one connection."""
        self.ended += 1
        for secret in self.secrets:
            assert secret not in told, told[:2_000]
        at = answers = 0
        while match := _STATUS.match(told, at):
            status, length = int(match[1]), _LENGTH.search(match[2])
            assert status < 500, told[at : at + 2_000]
            self.statuses[status] += 1
            at, answers = match.end() + int(length[1] if length else 0), answers + 1
        assert answers >= at_least, (answers, told[at:][:500])


@define
class Slow:
    """Clients that have begun something, and take their time."""

    api: ApiProcess
    _writers: list[asyncio.StreamWriter] = field(factory=list[asyncio.StreamWriter])

    async def begin(self, count: int) -> None:
        starts = (
            b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ",
            b"POST /api/orders/execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n\r\n{",
            b"",
        )
        for start in islice(cycle(starts), count):
            _, writer = await asyncio.open_connection(self.api.host, self.api.port)
            writer.write(start)
            self._writers.append(writer)

    def end(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def honest(api: ApiProcess, key: str, until: asyncio.Event) -> int:
    """Place orders and look them up, one after the other, until told; give how many."""
    placed = 0
    headers = {**bearer(key), "x-forwarded-for": "192.0.2.7"}
    async with aiohttp.ClientSession(api.url, headers=headers) as http:
        while not until.is_set():
            async with http.post("/api/orders/execute", json={**ORDER, "userId": "honest"}) as answer:
                assert answer.status == 202, await answer.text()
                order_id = (await answer.json())["orderId"]
            async with http.get(f"/api/orders/{order_id}") as answer:
                assert (answer.status, (await answer.json())["userId"]) == (200, "honest")
            placed += 1
            await asyncio.sleep(0.1)
    return placed


@pytest.fixture(scope="module")
async def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("hostile")
    env = environment(folder)
    return folder, {user: await make_key(env, user, Scope.TRADE) for user in (VICTIM, "honest", "enemy")}


async def test_ten_thousand_hostile_requests(keys: tuple[Path, dict[str, str]]) -> None:
    folder, key = keys
    unlimited = {"BESTFILL_LIMIT_KEY": "0", "BESTFILL_LIMIT_ORDERS": "0", "BESTFILL_LIMIT_SOCKETS": "50"}
    async with started(folder, BESTFILL_AUTH="keys", BESTFILL_TRUSTED_PROXIES="127.0.0.1", **unlimited) as api:
        async with api.http.post(
            "/api/orders/execute", json={**ORDER, "userId": VICTIM}, headers=bearer(key[VICTIM])
        ) as a:
            assert a.status == 202
            order_id = (await a.json())["orderId"]
        enemy = Enemy(key["enemy"], order_id)
        secrets = (VICTIM.encode(), b"Traceback", b'File "', b"site-packages", *(one.encode() for one in key.values()))
        attack, slow, process = Attack(api, secrets), Slow(api), psutil.Process(api.pid)

        async def wave(part: float) -> None:
            await attack.all_of(lambda: whole(enemy), int(WHOLE * part), IN_ONE_GO)
            await attack.all_of(lambda: broken(enemy), int(BROKEN * part), 1)
            await attack.upgrade(lambda: sockets(enemy), int(SOCKETS * part))

        await wave(0.2)
        before = process.memory_info().rss
        enough = asyncio.Event()
        others = asyncio.create_task(honest(api, key["honest"], enough))
        await slow.begin(SLOW)
        await wave(0.8)
        enough.set()
        served = await others
        slow.end()
        assert process.memory_info().rss - before < GROWTH_MAX_BYTES
        assert served > 10
        assert attack.statuses[200] > 0 and attack.statuses[401] > 0 and attack.statuses[404] > 0
        assert api.said == []
