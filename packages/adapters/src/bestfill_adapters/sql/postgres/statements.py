"""The SQL of PostgreSQL's store, as text that is made once.

A group's rows come as one array literal a column, as text that the statement casts; see `columns.Columns`. Values that
the driver would turn into objects of its own (UUIDs, decimals) are read as text, as `rows` expects them.

All writing statements take their locks in one order, so that no two processes ever wait for each other: idempotency
keys, then orders that are there, then users, then counts, each sorted; new orders, which nobody else can want, at any
time. A part that must wait for an earlier one reads from it.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, Numeric, Table, Uuid

from bestfill_adapters.sql.postgres.columns import Columns, Kind
from bestfill_adapters.sql.tables import (
    FLAGGED,
    RETRYING,
    UNFINISHED,
    order_events,
    order_executions,
    order_failures,
    orders,
)

# All that is put together here are names of columns.
# ruff: noqa: S608


def _names(table: Table, *, without: Iterable[str] = ()) -> list[str]:
    return [c.name for c in table.c if c.name not in set(without)]


def _read(column: Column[Any], alias: str) -> str:
    name = f'{alias}."{column.name}"'
    return f"{name}::text" if isinstance(column.type, Uuid | Numeric) else name


def selected(table: Table, alias: str, *, without: Iterable[str] = ()) -> str:
    """Give what a SELECT lists to read a table's columns as `rows` expects them."""
    return ", ".join(_read(c, alias) for c in table.c if c.name not in set(without))


def _prefixed(table: Table, prefix: str) -> list[str]:
    return [f"{prefix}{name}" for name in _names(table, without=["order_id"])]


_moving: Final = _names(orders)[_names(orders).index("status") : -1]
_told: Final = "concat_ws(E'\\n', {id}, {row}.seq, {row}.status, {row}.attempt, {row}.updated_at, {row}.data)"


def _hash(prev: str, row: str, order_id: str) -> str:
    """What `rows.event_hash` gives, in SQL."""
    return f"sha256({prev} || convert_to({_told.format(id=order_id, row=row)}, 'UTF8'))"


_NO_EVENT: Final = "decode(repeat('00', 32), 'hex')"

# A user's events are numbered under the lock of the user's row, and so in the order of commits. The number that the row
# has got is that of the group's last event, from which the window counts down; a join would compare each with each.
_NUMBERED: Final = """
streams AS (
  INSERT INTO user_streams AS s (user_id, user_seq, orders)
  SELECT user_id, count(*), {orders} FROM {source} WHERE data IS NOT NULL GROUP BY user_id ORDER BY user_id
  ON CONFLICT (user_id) DO UPDATE
  SET user_seq = s.user_seq + excluded.user_seq, orders = s.orders + excluded.orders
  RETURNING user_id, user_seq
), numbered AS MATERIALIZED (
  SELECT *, first_value(last) OVER from_here - count(n) OVER from_here + 1 AS user_seq
  FROM (
    SELECT user_id, user_seq AS last, NULL::bigint AS n, NULL::uuid AS id, NULL::text AS status, NULL::int AS attempt,
      NULL::int AS seq, NULL::text AS data, NULL::bigint AS at, NULL::bytea AS prev_hash
    FROM streams
    UNION ALL
    SELECT user_id, NULL, n, id, status, attempt, seq, data, updated_at, prev_hash FROM {source} WHERE data IS NOT NULL
  ) AS both_of_them
  WINDOW from_here AS (PARTITION BY user_id ORDER BY n DESC NULLS FIRST ROWS UNBOUNDED PRECEDING)
), told AS (
  INSERT INTO order_events (order_id, seq, user_id, user_seq, status, attempt, data, "timestamp", prev_hash)
  SELECT id, seq, user_id, user_seq, status, attempt, data, at, prev_hash FROM numbered WHERE n IS NOT NULL
)"""
_ANSWER: Final = """
SELECT (SELECT array_agg(n) FROM {source}), array_agg(n), array_agg(user_seq) FROM numbered WHERE n IS NOT NULL"""

NEW: Final = Columns(
    {
        **{c.name: Kind.of(c) for c in orders.c if c is not orders.c.event_hash},
        "data": Kind.TEXT,
        "key": Kind.TEXT,
        "digest": Kind.TEXT,
    },
    wide=["data"],
)
"""A new order: its row, its event's data, and its idempotency key or None."""

PLACE: Final = f"""
WITH given AS MATERIALIZED ({NEW.select}), keyed AS (
  INSERT INTO idempotency_keys (user_id, key, digest, order_id, created_at)
  SELECT user_id, key, digest, id, created_at FROM given WHERE key IS NOT NULL ORDER BY user_id, key
  ON CONFLICT (user_id, key) DO NOTHING
  RETURNING order_id
), placed AS MATERIALIZED (
  SELECT *, {_NO_EVENT} AS prev_hash FROM given
  WHERE (SELECT count(*) FROM keyed) >= 0 AND (key IS NULL OR id IN (SELECT order_id FROM keyed))
), written AS (
  INSERT INTO orders ({", ".join(_names(orders))})
  SELECT {", ".join(_names(orders, without=["event_hash"]))}, {_hash("prev_hash", "placed", "id")}
  FROM placed ORDER BY id
), {_NUMBERED.format(source="placed", orders="count(*)")}, counted AS (
  INSERT INTO order_counts AS c (status, shard, orders)
  SELECT status, ${NEW.width + 1}::int, count(*) FROM numbered WHERE n IS NOT NULL GROUP BY status ORDER BY status
  ON CONFLICT (status, shard) DO UPDATE SET orders = c.orders + excluded.orders
) {_ANSWER.format(source="placed")}"""
"""Takes `NEW` and the shard to count in; answers with the numbers of those that were placed, and their `user_seq`."""

MOVES: Final = Columns(
    {
        "id": Kind.UUID,
        "expected": Kind.BIGINT,
        **{name: Kind.of(orders.c[name]) for name in _moving},
        "data": Kind.TEXT,
        **{f"a_{n}": Kind.of(order_executions.c[n]) for n in _names(order_executions, without=["order_id"])},
        **{f"f_{n}": Kind.of(order_failures.c[n]) for n in _names(order_failures, without=["order_id"])},
    },
    wide=["a_signature", "a_route", "data", "a_signed_transaction", "a_quotes"],
)
"""A move: the order's id and expected version, its new row, its event's data, its attempt, its failure; or None."""

_written: Final = [
    *(
        "n",
        "id",
        "user_id",
        "a_attempt",
        "f_attempt",
        "was",
        "status",
        "attempt",
        "seq",
        "updated_at",
        "prev_hash",
        "data",
    ),
    *_prefixed(order_executions, "a_")[1:],
    *_prefixed(order_failures, "f_")[1:],
]
MOVE: Final = f"""
WITH held AS (
  SELECT g.*, o.user_id, o.status AS was, o.event_hash AS prev_hash
  FROM ({MOVES.select}) AS g JOIN orders AS o ON o.id = g.id
  WHERE o.version = g.expected
  ORDER BY g.id
  FOR NO KEY UPDATE OF o
), moved AS (
  UPDATE orders AS o
  SET {", ".join(f"{name} = h.{name}" for name in _moving)},
    event_hash = CASE WHEN h.data IS NULL THEN h.prev_hash ELSE {_hash("h.prev_hash", "h", "h.id")} END
  FROM held AS h
  WHERE o.id = h.id AND o.version = h.expected
  RETURNING {", ".join(f"h.{name}" for name in _written)}
), {_NUMBERED.format(source="moved", orders="0")}, counted AS (
  INSERT INTO order_counts AS c (status, shard, orders)
  SELECT status, ${MOVES.width + 1}::int, sum(change)
  FROM (SELECT was AS status, -1 AS change FROM moved UNION ALL SELECT status, 1 FROM moved) AS changes
  WHERE (SELECT count(*) FROM numbered) >= 0
  GROUP BY status HAVING sum(change) <> 0 ORDER BY status
  ON CONFLICT (status, shard) DO UPDATE SET orders = c.orders + excluded.orders
), tried AS (
  UPDATE order_executions AS e
  SET {", ".join(f"{n} = m.a_{n}" for n in _names(order_executions, without=["order_id", "attempt"]))}
  FROM moved AS m WHERE e.order_id = m.id AND e.attempt = m.a_attempt
  RETURNING m.n
), begun AS (
  INSERT INTO order_executions ({", ".join(["order_id", *_names(order_executions, without=["order_id"])])})
  SELECT {", ".join(["id", *_prefixed(order_executions, "a_")])} FROM moved
  WHERE a_attempt IS NOT NULL AND n NOT IN (SELECT n FROM tried)
), failed AS (
  INSERT INTO order_failures ({", ".join(["order_id", *_names(order_failures, without=["order_id"])])})
  SELECT {", ".join(["id", *_prefixed(order_failures, "f_")])} FROM moved WHERE f_attempt IS NOT NULL
  ON CONFLICT (order_id, attempt) DO UPDATE
  SET {", ".join(f"{n} = excluded.{n}" for n in _names(order_failures, without=["order_id", "attempt"]))}
) {_ANSWER.format(source="moved")}"""
"""Takes `MOVES` and the shard to count in; answers with the numbers of those that were written, and of those with an
event the numbers and their `user_seq`.

A row that somebody else is changing is waited for and then looked at anew, so a version is expected in vain as soon as
it is changed.
"""

NAMED: Final = Columns({"id": Kind.UUID, "user_id": Kind.TEXT, "key": Kind.TEXT})
"""An order that may be there, and the key that may stand for it."""
JUDGE_PLACED: Final = f"""
SELECT g.n, k.digest, e.user_seq, {selected(orders, "o", without=["event_hash"])}
FROM ({NAMED.select}) AS g
LEFT JOIN idempotency_keys AS k ON k.user_id = g.user_id AND k.key = g.key
JOIN orders AS o ON o.id = coalesce(k.order_id, g.id)
JOIN order_events AS e ON e.order_id = o.id AND e.seq = 1"""
STEPS: Final = Columns({"id": Kind.UUID, "seq": Kind.INTEGER})
"""An order, and the number of an event that may be there."""
JUDGE_MOVED: Final = f"""
SELECT g.n, o.version, o.wake_at, e.status, e.attempt, e."timestamp", e.data, e.user_seq
FROM ({STEPS.select}) AS g
JOIN orders AS o ON o.id = g.id
LEFT JOIN order_events AS e ON e.order_id = g.id AND e.seq = g.seq"""

_orders: Final = f"SELECT {selected(orders, 'o', without=['event_hash'])} FROM orders AS o"
_attempts: Final = f"SELECT {selected(order_executions, 'a')} FROM order_executions AS a"
_events: Final = f"SELECT {selected(order_events, 'e', without=['prev_hash'])} FROM order_events AS e"

CLAIM_DUE: Final = f"""
WITH due AS (
  SELECT id, wake_at FROM orders WHERE {UNFINISHED} AND wake_at <= $1
  ORDER BY wake_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
  UPDATE orders AS o SET wake_at = $2, version = o.version + 1 FROM due WHERE o.id = due.id
  RETURNING {selected(orders, "o", without=["event_hash"])}, due.wake_at AS due_at
)
SELECT * FROM taken ORDER BY due_at"""

SELECT_ORDERS: Final = f"{_orders} WHERE o.id = ANY($1::text::uuid[])"
SELECT_KEYED: Final = (
    "SELECT k.digest, " + _orders.removeprefix("SELECT ") + " JOIN idempotency_keys AS k ON k.order_id = o.id"
    " WHERE k.user_id = $1 AND k.key = $2"
)
SELECT_ATTEMPT: Final = f"{_attempts} WHERE a.order_id = $1::text::uuid AND a.attempt = $2"
SELECT_ATTEMPTS: Final = f"{_attempts} WHERE a.order_id = $1::text::uuid ORDER BY a.attempt"
SELECT_FAILURES: Final = (
    f"SELECT {selected(order_failures, 'f')} FROM order_failures AS f"
    " WHERE f.order_id = $1::text::uuid ORDER BY f.attempt"
)
SELECT_EVENTS: Final = f"{_events} WHERE e.order_id = $1::text::uuid AND e.seq > $2::bigint ORDER BY e.seq LIMIT $3"
SELECT_USER_EVENTS: Final = f"{_events} WHERE e.user_id = $1 AND e.user_seq > $2 ORDER BY e.user_seq LIMIT $3"
SELECT_USER_SEQ: Final = "SELECT user_seq FROM user_streams WHERE user_id = $1"
SELECT_USER_SEQS: Final = "SELECT user_id, user_seq FROM user_streams WHERE user_id = ANY($1::text::text[])"
SELECT_SEQS: Final = "SELECT id::text, seq FROM orders WHERE id = ANY($1::text::uuid[])"
SELECT_PAGE: Final = f"""
SELECT counted.total, page.*
FROM (SELECT coalesce(sum(orders), 0)::bigint AS total FROM user_streams WHERE user_id = $1) AS counted
LEFT JOIN LATERAL (
  {_orders} WHERE o.user_id = $1 ORDER BY o.created_at DESC, o.id DESC LIMIT $2 OFFSET $3
) AS page ON true"""
SELECT_COUNTS: Final = f"""
SELECT status, sum(orders)::bigint FROM order_counts GROUP BY status
UNION ALL SELECT 'delayed', count(*) FROM orders WHERE {RETRYING} AND wake_at > $1
UNION ALL SELECT 'attention', count(*) FROM order_executions WHERE {FLAGGED}"""
SELECT_SCHEMA: Final = "SELECT version_num FROM alembic_version"
PING: Final = "SELECT 1"
