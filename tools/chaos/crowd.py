"""Many clients of one API: they place orders and follow them, and whoever is cut off comes back and goes on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
from attrs import define, field, frozen
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

ORDER: Final[Mapping[str, Any]] = {
    "tokenIn": "So11111111111111111111111111111111111111112",
    "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "minAmountOut": "140",
    "slippageTolerance": 0.5,
}
USERS: Final = 20
NORMAL: Final = 1000
COME_BACK: Final = {None, 1006, 1012, 1013}
"""The codes of a close after which a client may go on with `since`: none, since it was cut; a restart; not now."""
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 0.8
"""How long to wait before trying again, the first time and at the most."""
PATIENCE_S: Final = 10.0
ASK_AGAIN: Final = {0, 503}
"""The answers after which the same key may be sent again: none, and not now."""

C = TypeVar("C", bound="Crowd")


def pauses() -> Iterator[float]:
    """Give how long to wait before each time that something is tried again."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class Door:
    """Where the API is, if it is there. Of all who wait for it, one looks: a crowd that did would take the machine."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)
        self._looking: asyncio.Task[None] | None = None

    async def opened(self) -> None:
        """Return when connections are taken."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        for pause_s in pauses():
            try:
                _, writer = await asyncio.open_connection(self._where.hostname, self._where.port)
            except OSError:
                await asyncio.sleep(pause_s)
            else:
                writer.close()
                return


@define(eq=False)
class Reader:
    """Reads one stream, over as many sockets as it takes, and insists on each event once and in order.

    `path` is the socket's up to the number after `since`; `number` is the field that counts the stream. `cut_each`: it
    cuts its socket after each event, the last one too. `wrong` says why it has read no further.
    """

    path: str
    number: str
    cut_each: bool = False
    told: list[dict[str, Any]] = field(factory=list)
    sockets: int = 0
    """How many it took."""
    wrong: str = ""

    async def read(self, url: str, door: Door) -> None:
        """Return when the stream has ended, if it does, or when something is wrong."""
        tries = pauses()
        while not self.wrong:
            before = len(self.told)
            try:
                async with connect(f"{url}{self.path}{before}", compression=None, proxy=None) as socket:
                    self.sockets += 1
                    await self._take_all(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd and closed.rcvd.code
                if code == NORMAL:
                    return
                if code not in COME_BACK:
                    self.wrong = f"{self.path}: closed with {code}"
            except (OSError, InvalidHandshake, InvalidMessage):
                await door.opened()
            if len(self.told) > before:
                tries = pauses()
            elif not self.wrong:
                await asyncio.sleep(next(tries))

    async def _take_all(self, socket: ClientConnection) -> None:
        while not self.wrong:
            event = json.loads(await socket.recv())
            if event[self.number] != len(self.told) + 1:
                self.wrong = f"{self.path}: after {len(self.told)} came {event}"
                return
            self.told.append(event)
            if self.cut_each:
                socket.transport.abort()
                return


@frozen
class Answer:
    """What a client was told: the status, or 0 if the connection broke, and the problem's code; after so long."""

    status: int
    code: str
    seconds: float


@define(eq=False)
class Crowd:
    """The clients, what they were promised, and what they were shown.

    An order that is placed without a key, and not accepted, may be there all the same: nobody follows it.
    """

    url: str
    http: aiohttp.ClientSession
    tasks: asyncio.TaskGroup
    door: Door
    orders: dict[str, Reader] = field(factory=dict)
    """By the id of each order that was accepted."""
    users: dict[str, Reader] = field(factory=dict)
    keyed: dict[int, str] = field(factory=dict)
    """The orders that were placed with a key, by its number."""
    answered: list[tuple[str, str, str]] = field(factory=list)
    """The user, key and order of each acceptance with a key, also the repeated ones."""
    cancelled: set[str] = field(factory=set)
    """The orders that were told to be cancelled."""
    reading: list[asyncio.Task[None]] = field(factory=list)
    wrong: list[str] = field(factory=list)
    """What was answered and should not have been."""
    in_doubt: int = 0
    """So many calls without a key were not answered by the acceptance of an order."""

    async def place(
        self,
        number: int,
        *,
        keyed: bool,
        fields: Mapping[str, object] | None = None,
        patience_s: float = PATIENCE_S,
        cut_each: bool = False,
    ) -> Answer:
        """Ask once for an order, and hang up after so long; follow it if it is accepted."""
        headers = {"Idempotency-Key": f"key {number}"} if keyed else {}
        body = {**ORDER, "userId": f"user-{number % USERS}", "amountIn": f"1.{number:03}", **(fields or {})}
        answer, told = await self._ask("/api/orders/execute", body, headers, patience_s)
        if answer.status == 202:
            order_id = told["orderId"]
            if keyed:
                self.keyed.setdefault(number, order_id)
                self.answered.append((body["userId"], f"key {number}", order_id))
            self.follow(order_id, cut_each=cut_each)
        elif answer.status not in ASK_AGAIN:
            self.wrong.append(f"order {number} was answered {answer.status} {answer.code}: {told}")
        if not keyed and answer.status != 202:
            self.in_doubt += 1
        return answer

    async def insist(
        self,
        number: int,
        *,
        fields: Mapping[str, object] | None = None,
        cut_each: bool = False,
        first_patience_s: float | None = None,
    ) -> list[Answer]:
        """Place one with a key, again and again until it is accepted; give all answers."""
        patience_s, answers, tries = first_patience_s or PATIENCE_S, list[Answer](), pauses()
        while True:
            answer = await self.place(number, keyed=True, fields=fields, cut_each=cut_each, patience_s=patience_s)
            answers.append(answer)
            if answer.status not in ASK_AGAIN:
                return answers
            patience_s = PATIENCE_S
            await asyncio.sleep(next(tries))

    async def cancel(self, order_id: str) -> Answer:
        """Ask once to cancel an order."""
        answer, told = await self._ask(f"/api/orders/{order_id}/cancel", None, {}, PATIENCE_S)
        if answer.status == 200:
            self.cancelled.add(order_id)
        elif answer.status not in {*ASK_AGAIN, 409}:
            self.wrong.append(f"{order_id}: its cancelling was answered {answer.status} {answer.code}: {told}")
        return answer

    def follow(self, order_id: str, *, cut_each: bool = False) -> None:
        """Follow an order's socket to its end, if nobody does."""
        if order_id not in self.orders:
            self.orders[order_id] = Reader(f"/ws/{order_id}?since=", "seq", cut_each)
            self.reading.append(self.read(self.orders[order_id]))

    def read(self, reader: Reader) -> asyncio.Task[None]:
        """Let a reader begin."""
        return self.tasks.create_task(reader.read(self.url.replace("http", "ws", 1), self.door))

    @property
    def replays(self) -> int:
        """How often a key was accepted that had been accepted before."""
        return len(self.answered) - len(self.keyed)

    @property
    def ended(self) -> int:
        """How many orders have been shown to their end."""
        return sum(task.done() for task in self.reading)

    @property
    def resumed(self) -> int:
        """How often a socket was cut, and its stream taken up again by another."""
        return sum(max(0, reader.sockets - 1) for reader in (*self.orders.values(), *self.users.values()))

    async def _ask(
        self, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str], patience_s: float
    ) -> tuple[Answer, dict[str, Any]]:
        begun = time.monotonic()
        try:
            async with (
                asyncio.timeout(patience_s),
                self.http.post(path, json=body, headers=headers) as answer,
            ):
                told = await answer.json(content_type=None)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                await self.door.opened()
            return Answer(0, "", time.monotonic() - begun), {}
        return Answer(answer.status, told.get("code", ""), time.monotonic() - begun), told


@asynccontextmanager
async def crowd(url: str, kind: type[C]) -> AsyncIterator[C]:
    """Have clients of this kind at the API of this URL; each user follows all that is theirs."""
    async with aiohttp.ClientSession(url) as http, asyncio.TaskGroup() as tasks:
        clients = kind(url, http, tasks, Door(url))
        streams: list[asyncio.Task[None]] = []
        for user_id in (f"user-{n}" for n in range(USERS)):
            clients.users[user_id] = Reader(f"/ws?userId={user_id}&since=", "userSeq")
            streams.append(clients.read(clients.users[user_id]))
        yield clients
        for reading in (*streams, *clients.reading):  # an order that does not end has a reader that does not
            reading.cancel()
