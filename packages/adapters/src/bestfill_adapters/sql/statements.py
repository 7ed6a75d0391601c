"""The SQL of SQLite's store and ledger, as text that is made once; values go by position, as `rows` gives them.

What names every column of a table is compiled from the table; what is short is written out, and held against the
tables by a test.
"""

import re
from functools import cache
from typing import Final

from sqlalchemy import ClauseElement, Table, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import sqlite

from bestfill_adapters.sql.tables import (
    FLAGGED,
    RETRYING,
    UNFINISHED,
    idempotency_keys,
    mock_landings,
    order_events,
    order_executions,
    order_failures,
    orders,
)

_ROW: Final = re.compile(r"(?<=VALUES )(\(\?(?:, \?)*\))")
_DIALECT: Final = sqlite.dialect(paramstyle="qmark")


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))


def _upsert(table: Table) -> str:
    statement = sqlite.insert(table)
    rest = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
    return _text(statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=rest))


_moving = [c.name for c in orders.c][[*orders.c].index(orders.c.status) :]
_orders = _text(select(*(c for c in orders.c if c is not orders.c.event_hash)))
_attempts = _text(select(order_executions))
_count = select(func.count())
_events = _text(select(*(c for c in order_events.c if c is not order_events.c.prev_hash)))

# Writing orders.
INSERT_ORDER: Final = _text(insert(orders))
SELECT_STANDINGS: Final = (
    "SELECT json_group_array(json_array(id, status, version, hex(event_hash)))"
    " FROM orders WHERE id IN (SELECT value FROM json_each(?))"
)
SELECT_USER_SEQS: Final = (
    "SELECT json_group_array(json_array(user_id, user_seq))"
    " FROM user_streams WHERE user_id IN (SELECT value FROM json_each(?))"
)
"""Both answer with one row, since each row that is fetched costs a turn at the interpreter (see `many`)."""
UPDATE_ORDER: Final = (
    f"WITH moved ({', '.join(_moving)}, id) AS (VALUES ({', '.join('?' * len(_moving))}, ?))"  # noqa: S608
    f" UPDATE orders SET {', '.join(f'{name} = moved.{name}' for name in _moving)}"
    " FROM moved WHERE orders.id = moved.id"
)
"""Every column from `status` on, then the id; an order at most once."""
INSERT_EVENT: Final = _text(insert(order_events))
UPSERT_ATTEMPT: Final = _upsert(order_executions)
UPSERT_FAILURE: Final = _upsert(order_failures)
INSERT_KEY: Final = _text(insert(idempotency_keys))
PUT_USER: Final = (
    "INSERT INTO user_streams (user_id, user_seq, orders) VALUES (?, ?, ?) ON CONFLICT (user_id)"
    " DO UPDATE SET user_seq = excluded.user_seq, orders = orders + excluded.orders"
)
"""The user's last number, and how many of the orders are new."""
ADD_TO_COUNT: Final = (
    "INSERT INTO order_counts (status, orders, shard) VALUES (?, ?, ?)"
    " ON CONFLICT (status, shard) DO UPDATE SET orders = orders + excluded.orders"
)


@cache
def many(statement: str, count: int) -> str:
    """Give a statement that has one tuple of VALUES for `count` of them.

    SQLite's driver lets go of the interpreter at each step and must wait for it afterwards, up to a switch interval of
    5 ms while the event loop is busy. `executemany` does so at each row, so a group of rows goes in one step.
    """
    before, row, after = _ROW.split(statement)
    return f"{before}{', '.join([row] * count)}{after}"


# Leases. Only the very condition of the partial index lets SQLite use it.
SELECT_DUE: Final = f"{_orders} WHERE {UNFINISHED} AND wake_at <= ? ORDER BY wake_at LIMIT ?"
TAKE_LEASES: Final = "UPDATE orders SET wake_at = ?, version = version + 1 WHERE id IN (SELECT value FROM json_each(?))"
END_LEASES: Final = _text(
    update(orders)
    .ordered_values((orders.c.wake_at, bindparam("now")), (orders.c.version, orders.c.version + text("1")))
    .where(UNFINISHED, orders.c.wake_at > bindparam("due"), text("(status <> 'pending' OR attempt = 1)"))
)
"""A waiting order that was tried before is left alone: its `wake_at` is the time of its next attempt."""

# Reading.
SELECT_ORDER: Final = f"{_orders} WHERE id = ?"
SELECT_KEY: Final = "SELECT digest, order_id FROM idempotency_keys WHERE user_id = ? AND key = ?"
SELECT_ATTEMPT: Final = f"{_attempts} WHERE order_id = ? AND attempt = ?"
SELECT_ATTEMPTS: Final = f"{_attempts} WHERE order_id = ? ORDER BY attempt"
SELECT_FAILURES: Final = f"{_text(select(order_failures))} WHERE order_id = ? ORDER BY attempt"
SELECT_EVENTS: Final = f"{_events} WHERE order_id = ? AND seq > ? ORDER BY seq LIMIT ?"
SELECT_USER_EVENTS: Final = f"{_events} WHERE user_id = ? AND user_seq > ? ORDER BY user_seq LIMIT ?"
SELECT_USER_SEQ: Final = "SELECT user_seq FROM user_streams WHERE user_id = ?"
SELECT_SEQS: Final = (
    "SELECT json_group_array(json_array(id, seq)) FROM orders WHERE id IN (SELECT value FROM json_each(?))"
)
"""Answers with one row, like SELECT_STANDINGS."""
SELECT_PAGE: Final = f"{_orders} WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"
SELECT_TOTAL: Final = "SELECT orders FROM user_streams WHERE user_id = ?"
SELECT_COUNTS: Final = "SELECT status, sum(orders) FROM order_counts GROUP BY status"
COUNT_DELAYED: Final = _text(_count.select_from(orders).where(RETRYING, orders.c.wake_at > bindparam("now")))
COUNT_FLAGGED: Final = _text(_count.select_from(order_executions).where(FLAGGED))

# The mock network's ledger.
INSERT_LANDING: Final = f"{_text(insert(mock_landings))} ON CONFLICT (signature) DO NOTHING"
SELECT_LANDING: Final = f"{_text(select(mock_landings))} WHERE signature = ?"
