"""What a group of callers writes to orders."""

import logging
import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final

from attrs import evolve

from bestfill.errors import Conflict, OrderNotFound
from bestfill.events import OrderEvent
from bestfill.order import IdempotencyKey, Order
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.sql import reads, rows
from bestfill_adapters.sql import statements as sql
from bestfill_adapters.sql.groups import Draft

_SIGNATURE_REFUSED: Final = {
    "UNIQUE constraint failed: order_executions.order_id": "the order has another live signature",
    "UNIQUE constraint failed: order_executions.signature": "another attempt has this signature",
}
"""SQLite's words for a breach of the two indexes that guard signatures."""
_LARGEST: Final = 256

log = logging.getLogger(__name__)


def write_rows(db: sqlite3.Connection, statement: str, some: Sequence[rows.Row]) -> None:
    """Write rows in few steps: each of a power of two of them, so that few texts of a statement are ever prepared."""
    begin = 0
    while (left := len(some) - begin) > 0:
        size = min(_LARGEST, 1 << left.bit_length() - 1)
        db.execute(sql.many(statement, size), list(chain.from_iterable(some[begin : begin + size])))
        begin += size


class OrdersDraft(Draft):
    """Checks each write against the database and what is gathered before it; the rows go in when it is flushed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._clear()

    def prepare(self, about: Sequence[Order]) -> None:
        """Read, in two steps for the whole group, where orders stand and how far users' events are numbered."""
        if about:
            self._standing = reads.standings(self._db, list({order.id for order in about}))
            self._user_seqs = reads.user_seqs(self._db, list({order.user_id for order in about}))

    def place(self, order: Order, event: OrderEvent, key: IdempotencyKey | None) -> tuple[Order, OrderEvent | None]:
        """Store a new order, its first event and its key; or give the order that the key stands for."""
        if key is not None:
            if (key.user_id, key.key) in self._keys:
                self.flush()
            if (before := reads.replay(self._db, key)) is not None:
                return before, None
            self._keys[key.user_id, key.key] = (key.digest, order.id, order.created_at)
        stored, head = self._append(event, rows.NO_EVENT)
        self._users[order.user_id] += 1
        self._new.append((*rows.fixed_part(order), *rows.moving_part(order), head))
        self._standing[order.id] = (order.status.value, order.version, head)
        self._counts[order.status.value] += 1
        return order, stored

    def commit(self, move: Transition) -> OrderEvent | None:
        """Write a transition, if the order is still at its expected version."""
        order, stored = move.order, None
        status, version, head = self._find(order.id)
        if version != move.expected_version:
            raise Conflict("the order has been changed meanwhile")
        if move.event is not None:
            stored, head = self._append(move.event, head)
        if move.attempt is not None:
            self._attempts.append(rows.attempt_row(move.attempt))
        if move.failure is not None:
            self._failures.append(rows.failure_row(move.failure))
        self._moved[order.id] = (*rows.moving_part(order), head, order.id)
        self._standing[order.id] = (order.status.value, order.version, head)
        self._counts[status] -= 1
        self._counts[order.status.value] += 1
        return stored

    def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take the orders that are longest due."""
        self.flush()
        found = self._db.execute(sql.SELECT_DUE, (now, reads.bounded(limit))).fetchall()
        if found:
            self._db.execute(sql.TAKE_LEASES, (lease_until, rows.json_text([row[0] for row in found])))
        due: list[Order] = []
        for row in found:
            try:
                order = rows.to_order(row)
            except Exception:
                # It has its lease like the others, so that it does not stand before them at the next sweep.
                log.exception("an order's row can't be read", extra={"order_id": row[0]})
            else:
                due.append(evolve(order, version=order.version + 1, wake_at=lease_until))
        return due

    def flush(self) -> None:
        """Write what is gathered, parents first."""
        self._write(sql.INSERT_ORDER, self._new)
        self._write(sql.UPDATE_ORDER, list(self._moved.values()))
        try:
            self._write(sql.UPSERT_ATTEMPT, self._attempts)
        except sqlite3.IntegrityError as error:
            if (refused := _SIGNATURE_REFUSED.get(str(error))) is None:
                raise
            raise Conflict(refused) from error
        self._write(sql.INSERT_EVENT, self._events)
        self._write(sql.PUT_USER, [(user, self._user_seqs[user], orders) for user, orders in self._users.items()])
        self._write(sql.UPSERT_FAILURE, self._failures)
        self._write(sql.INSERT_KEY, [(*name, *stands_for) for name, stands_for in self._keys.items()])
        self._write(sql.ADD_TO_COUNT, [(*count, 0) for count in self._counts.items() if count[1]])
        self._clear()

    def _write(self, statement: str, some: Sequence[rows.Row]) -> None:
        write_rows(self._db, statement, some)

    def _clear(self) -> None:
        self._standing: dict[OrderId, reads.Standing] = {}
        self._new: list[rows.Row] = []
        self._moved: dict[OrderId, rows.Row] = {}
        self._attempts: list[rows.Row] = []
        self._events: list[rows.Row] = []
        self._failures: list[rows.Row] = []
        self._user_seqs: dict[str, int] = {}
        self._users: Counter[str] = Counter()  # who has new events, and how many new orders
        self._keys: dict[tuple[str, str], tuple[str, OrderId, Millis]] = {}
        self._counts: Counter[str] = Counter()

    def _find(self, order_id: OrderId) -> reads.Standing:
        if (known := self._standing.get(order_id)) is not None:
            return known
        standing = reads.standings(self._db, [order_id]).get(order_id)
        if standing is None:
            raise OrderNotFound(f"there is no order {order_id}")
        return standing

    def _append(self, event: OrderEvent, prev_hash: bytes) -> tuple[OrderEvent, bytes]:
        """Number the event for its user; give it as stored, and its hash."""
        data = rows.json_text(event.data)
        if event.user_id not in self._user_seqs:
            self._user_seqs |= reads.user_seqs(self._db, [event.user_id])
        self._user_seqs[event.user_id] = user_seq = self._user_seqs[event.user_id] + 1
        self._users[event.user_id] += 0
        self._events.append(rows.event_row(event, user_seq, data, prev_hash))
        return rows.numbered(event, user_seq), rows.event_hash(prev_hash, event, data)
