"""Many clients of one API: they place orders and follow them, and whoever is cut off comes back and goes on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from attrs import define, field, frozen
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.deployed import ORDER, until

USERS: Final = 20
NORMAL: Final = 1000
COME_BACK: Final = {None, 1006, 1012, 1013}
"""The codes of a close after which a client may go on with `since`: none, since it was cut; a restart; not now."""
PAUSE_S: Final = 0.05


@define(eq=False)
class Reader:
    """Reads one stream, over as many sockets as it takes, and insists on each event once and in order.

    `path` is the socket's up to the number after `since`; `number` is the field that counts the stream.
    """

    path: str
    number: str
    told: list[dict[str, Any]] = field(factory=list)
    cuts: int = 0

    async def read(self, url: str) -> None:
        """Return when the stream has ended, if it does."""
        while True:
            try:
                async with connect(f"{url}{self.path}{len(self.told)}", compression=None, proxy=None) as socket:
                    while True:
                        self.take(json.loads(await socket.recv()))
            except ConnectionClosed as closed:
                code = closed.rcvd and closed.rcvd.code
                if code == NORMAL:
                    return
                assert code in COME_BACK, f"{self.path}: closed with {code}"
            except (OSError, InvalidHandshake):
                pass  # nobody is there
            self.cuts += 1
            await asyncio.sleep(PAUSE_S)

    def take(self, event: dict[str, Any]) -> None:
        assert event[self.number] == len(self.told) + 1, f"{self.path}: after {len(self.told)} came {event}"
        self.told.append(event)


@frozen
class Answer:
    """What a client was told: the status, or 0 if the connection broke, and the problem's code; after so long."""

    status: int
    code: str
    seconds: float


@define(eq=False)
class Crowd:
    """The clients, what they were promised, and what they were shown."""

    url: str
    http: aiohttp.ClientSession
    tasks: asyncio.TaskGroup
    orders: dict[str, Reader] = field(factory=dict)
    """By the id of each order that was accepted."""
    users: dict[str, Reader] = field(factory=dict)
    keyed: dict[int, str] = field(factory=dict)
    """The orders that were placed with a key, by its number."""
    reading: list[asyncio.Task[None]] = field(factory=list)

    async def place(self, number: int, *, keyed: bool) -> Answer:
        """Ask once for an order; follow it if it is accepted."""
        begun = time.monotonic()
        headers = {"Idempotency-Key": f"key {number}"} if keyed else {}
        body = ORDER | {"userId": f"user-{number % USERS}", "amountIn": f"1.{number:03}"}
        try:
            async with self.http.post("/api/orders/execute", json=body, headers=headers) as answer:
                told = await answer.json(content_type=None)
                given = Answer(answer.status, told.get("code", ""), time.monotonic() - begun)
        except aiohttp.ClientConnectionError:
            return Answer(0, "", time.monotonic() - begun)
        if given.status == 202:
            if keyed:
                assert self.keyed.setdefault(number, told["orderId"]) == told["orderId"], "two orders of one key"
            self._follow(told["orderId"])
        return given

    async def place_all(self, numbers: Iterable[int]) -> None:
        """Place many at once, every other one with a key; all are accepted."""
        answers = await asyncio.gather(*(self.place(n, keyed=n % 2 == 1) for n in numbers))
        assert {answer.status for answer in answers} == {202}, {(a.status, a.code) for a in answers}

    async def insist(self, number: int) -> list[Answer]:
        """Place one with a key, again and again until it is accepted; give all answers."""
        answers = [await self.place(number, keyed=True)]
        while answers[-1].status != 202:
            assert answers[-1].status in {0, 503}, answers
            await asyncio.sleep(PAUSE_S)
            answers.append(await self.place(number, keyed=True))
        return answers

    async def shown_the_end(self, within_s: float) -> None:
        """Wait until the socket of each order that was placed by now has been shown the end."""
        done, left = await asyncio.wait([*self.reading], timeout=within_s)
        assert not left, f"{len(left)} orders have not ended on their socket, {len(done)} have"

    async def shown_all(self, within_s: float) -> None:
        """Wait until each order's socket has been shown the end, and the users' sockets as much."""
        await self.shown_the_end(within_s)
        count = sum(len(reader.told) for reader in self.orders.values())

        async def as_much() -> bool:
            return sum(len(reader.told) for reader in self.users.values()) >= count

        await until(as_much, within_s)

    def _follow(self, order_id: str) -> None:
        if order_id not in self.orders:
            self.orders[order_id] = Reader(f"/ws/{order_id}?since=", "seq")
            self.reading.append(self._read(self.orders[order_id]))

    def _read(self, reader: Reader) -> asyncio.Task[None]:
        return self.tasks.create_task(reader.read(self.url.replace("http", "ws", 1)))


@asynccontextmanager
async def crowd(url: str) -> AsyncIterator[Crowd]:
    """Have clients of the API at this URL, each user of which follows all that is theirs."""
    async with aiohttp.ClientSession(url) as http, asyncio.TaskGroup() as tasks:
        clients = Crowd(url, http, tasks)
        streams = []
        for user_id in (f"user-{n}" for n in range(USERS)):
            clients.users[user_id] = Reader(f"/ws?userId={user_id}&since=", "userSeq")
            streams.append(clients._read(clients.users[user_id]))
        yield clients
        for stream in streams:
            stream.cancel()
