"""What must be true in the end, whatever has happened: of the tables, and of what the clients were shown."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from statistics import median
from typing import Any, Final, TypeVar

import asyncpg
from attrs import frozen

from bestfill.errors import OrderNotFound, StoreError
from bestfill.events import OrderEvent
from bestfill.order import Order
from bestfill.testing.invariants import Answered, Evidence, Landing, Stored, Told, Violation, violations
from bestfill.units import BaseUnits, Millis, OrderId, Signature
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.verify import verify
from bestfill_adapters.verify.postgres import PostgresSource
from tools.chaos.crowd import Crowd, Reader

AT_ONCE: Final = 50
PATIENCE_S: Final = 60.0
"""How long a busy machine may take to read a row, of which the store gives up on each try much sooner."""
END_OF_TIME: Final = Millis(2**52)
TABLES_OF_ORDERS: Final = ("order_events", "order_executions", "order_failures", "mock_landings", "idempotency_keys")

T = TypeVar("T")


@frozen(kw_only=True)
class Audit:
    """What is stored in the end, and what is wrong with it."""

    violations: Sequence[Violation]
    stored: Sequence[Stored]
    untold: frozenset[OrderId]
    """The orders that are stored though no client was told of them."""

    @property
    def by_status(self) -> Counter[str]:
        """How many orders ended how."""
        return Counter(one.order.status.value for one in self.stored)

    @property
    def by_outcome(self) -> Counter[str]:
        """How many attempts ended how."""
        return Counter(str(a.outcome) for one in self.stored for a in one.attempts)

    @property
    def stalls_ms(self) -> tuple[int, int]:
        """How long the stories stood still, between two events of an order: the longest, and the median of each
        order's longest."""
        longest = [max(b.timestamp - a.timestamp for a, b in pairwise(one.events)) for one in self.stored]
        return max(longest), int(median(longest))


async def audit(database_url: str, clients: Crowd) -> Audit:
    """Hold everything against everything, once all is at rest. `database_url` is the direct way."""
    store = PostgresStore(database_url)
    await store.start()
    connection = await asyncpg.connect(database_url)
    try:
        ids = [row[0] for row in await connection.fetch("SELECT id::text FROM orders ORDER BY id")]
        stored = await _stored(store, ids)
        evidence = Evidence(
            orders=stored,
            landings=await _landings(connection),
            order_readers=[Told(stream=i, numbers=_numbers(reader)) for i, reader in clients.orders.items()],
            user_readers=[Told(stream=u, numbers=_numbers(reader)) for u, reader in clients.users.items()],
            answered=[
                Answered(user_id=user_id, key=key, order_id=OrderId(order_id))
                for user_id, key, order_id in clients.answered
            ],
            accepted={OrderId(order_id) for order_id in clients.orders},
            cancelled={OrderId(order_id) for order_id in clients.cancelled},
            counts=await _insist(lambda: store.counts(END_OF_TIME)),
        )
        more = [*_shown(stored, clients), *await _tables(connection, clients)]
    finally:
        await connection.close()
        await store.close()
    return Audit(
        violations=[*violations(evidence), *more, *await asyncio.to_thread(_verified, database_url)],
        stored=stored,
        untold=frozenset(one.order.id for one in stored) - {OrderId(order_id) for order_id in clients.orders},
    )


async def _stored(store: PostgresStore, ids: Sequence[str]) -> list[Stored]:
    found: list[Stored] = []
    for start in range(0, len(ids), AT_ONCE):
        found += await asyncio.gather(*(_one(store, OrderId(i)) for i in ids[start : start + AT_ONCE]))
    return found


async def _one(store: PostgresStore, order_id: OrderId) -> Stored:
    order, events, attempts = await asyncio.gather(
        _insist(lambda: store.get(order_id)),
        _insist(lambda: store.events(order_id)),
        _insist(lambda: store.executions(order_id)),
    )
    return Stored(order=order, events=events, attempts=attempts)


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await ask()
        except OrderNotFound:
            raise
        except StoreError:
            if time.monotonic() > until:
                raise


async def _landings(connection: asyncpg.Connection) -> list[Landing]:
    query = (
        "SELECT order_id::text, signature, amount_in::text, amount_out::text FROM mock_landings"
        " WHERE outcome = 'landed'"
    )
    return [
        Landing(
            order_id=OrderId(row[0]),
            signature=Signature(row[1]),
            amount_in=BaseUnits(int(row[2])),
            amount_out=BaseUnits(int(row[3])),
        )
        for row in await connection.fetch(query)
    ]


def _shown(stored: Sequence[Stored], clients: Crowd) -> Iterator[Violation]:
    """Every socket was shown what is stored, to the letter, and no client was answered what should not be."""
    streams: dict[str, list[OrderEvent]] = {}
    for one in stored:
        streams[one.order.id] = [*one.events]
        streams.setdefault(one.order.user_id, []).extend(one.events)
    for name, reader in (*clients.orders.items(), *clients.users.items()):
        events = sorted(streams.get(name, []), key=lambda e: e.seq if reader.number == "seq" else e.user_seq)
        about = OrderId(name) if name in clients.orders else None
        if reader.wrong:
            yield Violation("reader", reader.wrong, about)
        if reader.told != [_sent(event) for event in events]:
            yield Violation("reader", f"{name}: its sockets were shown other events than are stored", about)
    for fault in clients.wrong:
        yield Violation("answer", fault)
    by_id: dict[str, Order] = {one.order.id: one.order for one in stored}
    for order_id in clients.cancelled & by_id.keys():
        order = by_id[order_id]
        if order.error_code != "CANCELLED":
            yield Violation("promise", f"{order_id}: it was cancelled, and ended {order.error_code}", order.id)
    untold = len(by_id.keys() - clients.orders.keys())
    if untold > clients.in_doubt:
        yield Violation(
            "promise", f"{untold} orders are stored that nobody was told of; at most {clients.in_doubt} may"
        )


def _verified(database_url: str) -> list[Violation]:
    """Every story is whole and unchanged, by the hashes of its events."""
    found: list[Violation] = []
    with closing(PostgresSource(database_url)) as source:
        verify(source, lambda fault: found.append(Violation("verify", str(fault))))
    return found


async def _tables(connection: asyncpg.Connection, clients: Crowd) -> list[Violation]:
    """No table has rows of no order, and the keys are those that were used."""
    found: list[Violation] = []
    for table in TABLES_OF_ORDERS:
        strays = await connection.fetch(
            f"SELECT DISTINCT order_id::text FROM {table} WHERE order_id NOT IN (SELECT id FROM orders)"  # noqa: S608
        )
        found += [Violation("stray", f"{table} has rows of {row[0]}, which is no order") for row in strays]
    keys = {row[0]: row[1] for row in await connection.fetch("SELECT key, order_id::text FROM idempotency_keys")}
    told = {f"key {number}": order_id for number, order_id in clients.keyed.items()}
    for key in keys.keys() | told.keys():
        if keys.get(key) != told.get(key):
            what = f"{key} is stored for {keys.get(key)}, and was answered with {told.get(key)}"
            found.append(Violation("key", what))
    return found


def _numbers(reader: Reader) -> list[int]:
    return [event[reader.number] for event in reader.told]


def _sent(event: OrderEvent) -> dict[str, Any]:
    return {
        "event": "status_update",
        "orderId": event.order_id,
        "seq": event.seq,
        "userSeq": event.user_seq,
        "status": event.status.value,
        "attempt": event.attempt,
        "data": event.data,
        "timestamp": event.timestamp,
    }
