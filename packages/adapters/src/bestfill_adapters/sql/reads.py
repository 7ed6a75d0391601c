"""What is read of orders; lists come in the order that the port promises."""

import re
import sqlite3
from typing import Final, TypeAlias

import msgspec

from bestfill.errors import Conflict, OrderNotFound
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order, Status
from bestfill.ports import OrderCounts, OrderPage
from bestfill.units import Millis, OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql import statements as sql

Standing: TypeAlias = tuple[str, int, bytes]

_LARGEST: Final = 2**63 - 1
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_standings = msgspec.json.Decoder(list[tuple[OrderId, str, int, str]]).decode
_numbers = msgspec.json.Decoder(list[tuple[str, int]]).decode


def bounded(number: int) -> int:
    """Give the nearest number that a database takes for a limit, offset or position; below 0 may mean no limit."""
    return min(max(number, 0), _LARGEST)


def get(db: sqlite3.Connection, order_id: OrderId) -> Order:
    """Give one order, or raise OrderNotFound."""
    row = db.execute(sql.SELECT_ORDER, (rows.order_key(order_id),)).fetchone()
    if row is None:
        raise OrderNotFound("there is no such order")
    return rows.to_order(row)


def standings(db: sqlite3.Connection, ids: list[OrderId]) -> dict[OrderId, Standing]:
    """Give status, version and last event's hash of those orders that are there."""
    (found,) = db.execute(sql.SELECT_STANDINGS, (rows.json_text([rows.order_key(i) for i in ids]),)).fetchone()
    return {i: (status, version, bytes.fromhex(head)) for i, status, version, head in _standings(found)}


def user_seqs(db: sqlite3.Connection, user_ids: list[str]) -> dict[str, int]:
    """Give the number of each user's last event."""
    sayable = [user_id for user_id in user_ids if _SURROGATE.search(user_id) is None]
    (found,) = db.execute(sql.SELECT_USER_SEQS, (rows.json_text(sayable),)).fetchone()
    return dict.fromkeys(user_ids, 0) | dict(_numbers(found))


def replay(db: sqlite3.Connection, key: IdempotencyKey) -> Order | None:
    """Give the order that a key stands for, or raise Conflict."""
    row = db.execute(sql.SELECT_KEY, (key.user_id, key.key)).fetchone()
    if row is None:
        return None
    digest, order_id = row
    if digest != key.digest:
        raise Conflict("the Idempotency-Key was used with another request")
    return get(db, order_id)


def attempt(db: sqlite3.Connection, order_id: OrderId, number: int) -> Attempt | None:
    """Give one attempt."""
    row = db.execute(sql.SELECT_ATTEMPT, (rows.order_key(order_id), number)).fetchone()
    return None if row is None else rows.to_attempt(row)


def executions(db: sqlite3.Connection, order_id: OrderId) -> list[Attempt]:
    """Give all attempts of an order."""
    return [rows.to_attempt(row) for row in db.execute(sql.SELECT_ATTEMPTS, (rows.order_key(order_id),))]


def failures(db: sqlite3.Connection, order_id: OrderId) -> list[Failure]:
    """Give the failed attempts of an order."""
    return [rows.to_failure(row) for row in db.execute(sql.SELECT_FAILURES, (rows.order_key(order_id),))]


def events(db: sqlite3.Connection, order_id: OrderId, since: int, limit: int) -> list[OrderEvent]:
    """Give events of an order."""
    found = db.execute(sql.SELECT_EVENTS, (rows.order_key(order_id), bounded(since), bounded(limit)))
    return [rows.to_event(row) for row in found]


def user_events(db: sqlite3.Connection, user_id: str, since: int, limit: int) -> list[OrderEvent]:
    """Give events of a user's orders."""
    found = db.execute(sql.SELECT_USER_EVENTS, (user_id, bounded(since), bounded(limit)))
    return [rows.to_event(row) for row in found]


def user_seq(db: sqlite3.Connection, user_id: str) -> int:
    """Give the number of the user's last event."""
    row = db.execute(sql.SELECT_USER_SEQ, (user_id,)).fetchone()
    return 0 if row is None else row[0]


def seqs(db: sqlite3.Connection, ids: list[OrderId]) -> dict[OrderId, int]:
    """Give the number of the last event of those orders that are there."""
    (found,) = db.execute(sql.SELECT_SEQS, (rows.json_text([rows.order_key(i) for i in ids]),)).fetchone()
    return {OrderId(i): seq for i, seq in _numbers(found)}


def page(db: sqlite3.Connection, user_id: str, limit: int, offset: int) -> OrderPage:
    """Give a page of a user's orders, and the total."""
    found = db.execute(sql.SELECT_PAGE, (user_id, bounded(limit), bounded(offset)))
    orders = tuple(rows.to_order(row) for row in found)
    total = db.execute(sql.SELECT_TOTAL, (user_id,)).fetchone()
    return OrderPage(orders=orders, total=0 if total is None else total[0])


def counts(db: sqlite3.Connection, now: Millis) -> OrderCounts:
    """Count by the counters, and by the two indexes that hold only the few orders they are about."""
    standing = dict(db.execute(sql.SELECT_COUNTS))
    (delayed,) = db.execute(sql.COUNT_DELAYED, (now,)).fetchone()
    (attention,) = db.execute(sql.COUNT_FLAGGED).fetchone()
    return OrderCounts(
        waiting=standing.get(Status.PENDING, 0) - delayed,
        delayed=delayed,
        active=sum(standing.get(s, 0) for s in (Status.ROUTING, Status.BUILDING, Status.SUBMITTED)),
        completed=standing.get(Status.CONFIRMED, 0),
        failed=standing.get(Status.FAILED, 0),
        attention=attention,
    )


def ping(db: sqlite3.Connection) -> None:
    """Read something that is always there."""
    db.execute(sql.SELECT_COUNTS).fetchone()
