"""What must be true in the end, whatever has happened: of the tables, and of what the clients were shown."""

from collections import Counter
from itertools import pairwise
from statistics import median
from typing import Any

import asyncpg
from attrs import frozen

from bestfill.events import OrderEvent
from bestfill.order import Order, Status
from bestfill.testing.invariants import check_order
from bestfill.units import Millis, OrderId
from bestfill_adapters.sql.postgres import PostgresStore
from tests.e2e.faults.crowd import Crowd


@frozen
class Stalls:
    """How long the stories stood still, in milliseconds between two events of an order: the longest, and the median of
    each order's longest."""

    longest: int
    median: int


async def audit(database_url: str, clients: Crowd) -> Stalls:
    """Hold everything against everything.

    Raises:
        AssertionError: something is lost, doubled, or told wrongly.
    """
    store = PostgresStore(database_url)
    await store.start()
    connection = await asyncpg.connect(database_url)
    try:
        await _check_tables(connection, clients)
        orders = [await check_order(store, OrderId(order_id)) for order_id in clients.orders]
        await _check_landings(connection, orders)
        by_status = Counter(order.status for order in orders)
        assert by_status.total() == by_status[Status.CONFIRMED] + by_status[Status.FAILED], by_status
        counts = await store.counts(Millis(2**52))
        assert (counts.waiting, counts.delayed, counts.active) == (0, 0, 0), counts
        assert (counts.completed, counts.failed) == (by_status[Status.CONFIRMED], by_status[Status.FAILED]), counts
        stories = [await store.events(order.id) for order in orders]
        for order, story in zip(orders, stories, strict=True):
            assert clients.orders[order.id].told == [_sent(event) for event in story], f"{order.id} was told otherwise"
        for user_id, reader in clients.users.items():
            stream = [_sent(event) for event in await store.user_events(user_id)]
            assert reader.told == stream, f"{user_id} was told otherwise"
            assert [event["userSeq"] for event in stream] == [*range(1, await store.user_seq(user_id) + 1)]
    finally:
        await connection.close()
        await store.close()
    return _stalls(stories)


async def _check_tables(connection: asyncpg.Connection, clients: Crowd) -> None:
    """All that was promised is in the tables, and nothing else; no order is there in part."""
    stored = {row[0] for row in await connection.fetch("SELECT id::text FROM orders")}
    assert not clients.orders.keys() - stored, "orders were lost"
    unasked = await connection.fetch("SELECT * FROM orders WHERE NOT id::text = ANY($1)", list(clients.orders))
    assert not unasked, "orders were stored though their clients were refused"
    for table in ("order_events", "order_executions", "order_failures", "mock_landings"):
        rows = await connection.fetch(f"SELECT DISTINCT order_id::text FROM {table}")
        assert {row[0] for row in rows} <= stored, f"{table} has rows of no order"
    keys = {row[0]: row[1] for row in await connection.fetch("SELECT key, order_id::text FROM idempotency_keys")}
    assert keys == {f"key {number}": order_id for number, order_id in clients.keyed.items()}


async def _check_landings(connection: asyncpg.Connection, orders: list[Order]) -> None:
    """What is confirmed has landed, once, as the row tells; what has failed has not."""
    query = "SELECT order_id::text, signature, amount_out::bigint FROM mock_landings WHERE outcome = 'landed'"
    rows = [tuple(row) for row in await connection.fetch(query)]
    confirmed = [(o.id, o.tx_hash, o.amount_out) for o in orders if o.status is Status.CONFIRMED]
    assert sorted(rows) == sorted(confirmed), f"not what was confirmed has landed: {set(rows) ^ set(confirmed)}"


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


def _stalls(stories: list[list[OrderEvent]]) -> Stalls:
    longest = [max(after.timestamp - before.timestamp for before, after in pairwise(story)) for story in stories]
    return Stalls(max(longest), int(median(longest)))
