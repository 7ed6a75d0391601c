"""The users' sockets, which break, and are served as the API serves them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Protocol

from attrs import define, field, frozen

from bestfill.engine import Engine
from bestfill.errors import OrderNotFound, StoreError
from bestfill.events import OrderEvent
from bestfill.ports import OrderStore
from bestfill.testing.invariants import Told
from bestfill.units import OrderId
from bestfill_api.feed import Dispatcher
from bestfill_api.follow import PAGE, Counts, Follower, Pace
from bestfill_api.subscriber import GONE, Frame, Subscriber
from tools.sim.fate import Fate
from tools.sim.process import ConnectionLost, Process


@frozen
class Api:
    """One process of the API: what of it clients reach."""

    process: Process
    engine: Engine
    store: OrderStore
    dispatcher: Dispatcher


class Gateway(Protocol):
    """Brings clients to some API."""

    def api(self) -> Api: ...


@define(eq=False)
class Connection:
    """One socket, as an API's `Line` sees it: it takes everything, which reaches the reader in order, unless cut."""

    fate: Fate
    receive: Callable[[bytes], None]
    subscriber: Subscriber | None = None
    cut: bool = False
    _way: list[Frame] = field(factory=list[Frame])

    def write(self, events: Sequence[Frame]) -> bool:
        for event in events:
            self._way.append(event)
            self.fate.later(self.fate.within(0, 0.05), self._arrive)
        return True

    async def drain(self) -> bool:
        return True

    def hang_up(self) -> None:
        """End it from the client's side: what is still under way is lost."""
        self.cut = True
        if self.subscriber is not None:
            self.subscriber.end(GONE)

    def _arrive(self) -> None:
        event = self._way.pop(0)
        if not self.cut:
            self.receive(event.text)


@define(eq=False)
class Reader:
    """Reads one stream, connecting again after whatever it has seen; `number` is the JSON field that counts."""

    stream: str
    number: str
    numbers: list[int] = field(factory=list[int])
    ended: bool = False

    def receive(self, text: bytes) -> None:
        event = json.loads(text)
        self.numbers.append(event[self.number])
        self.ended = self.number == "seq" and event["status"] in ("confirmed", "failed")

    @property
    def told(self) -> Told:
        """What it saw."""
        return Told(stream=self.stream, numbers=tuple(self.numbers))


async def read(fate: Fate, gateway: Gateway, reader: Reader) -> None:
    """Read a stream to its end, or for ever, connecting again to whatever API there is."""
    while not reader.ended:
        api, connection = gateway.api(), Connection(fate, reader.receive)
        if fate.strikes("socket cut"):
            fate.later(fate.within(0, 30), connection.hang_up)
        try:
            await api.process.ask(partial(_serve, api, connection, reader))
        except OrderNotFound:
            fate.blame(f"{fate.name(OrderId(reader.stream))} was accepted, and can't be read")
            return
        except (ConnectionLost, StoreError):
            pass
        # What was sent before the end may still come; a client that connects again asks for what it lacks.
        await asyncio.sleep(fate.within(0.06, 2))
        connection.hang_up()


async def _serve(api: Api, connection: Connection, reader: Reader) -> None:
    """Do as the API's sockets do."""
    store, dispatcher, since = api.store, api.dispatcher, len(reader.numbers)
    if reader.number == "seq":
        order_id = OrderId(reader.stream)
        with dispatcher.order(order_id) as subscriber:
            last = (await store.get(order_id)).seq
            await _pass_on(subscriber, connection, partial(store.events, order_id), "seq", since, last)
    else:
        with dispatcher.user(reader.stream) as subscriber:
            last = await store.user_seq(reader.stream)
            await _pass_on(subscriber, connection, partial(store.user_events, reader.stream), "user_seq", since, last)


async def _pass_on(
    subscriber: Subscriber,
    connection: Connection,
    read: Callable[..., Awaitable[Sequence[OrderEvent]]],
    number: str,
    since: int,
    last: int,
) -> None:
    connection.subscriber, subscriber.seen = subscriber, since
    follower = Follower(
        subscriber=subscriber,
        read=partial(read, limit=PAGE),
        number=attrgetter(number),
        line=connection,
        ends=number == "seq",
        pace=Pace(),
        counts=Counts(),
    )
    if not connection.cut:
        await follower.run(behind=since < last)
