"""The tables, the same for PostgreSQL (14 or newer) and SQLite.

Amounts are in base units, times in milliseconds since 1970 (UTC). JSON is text, so that it stays as it was made, byte
for byte.
"""

import enum
from typing import Final

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    text,
)

from bestfill.order import AttemptOutcome, Status
from bestfill.quote import SwapOutcome

SCHEMA: Final = "0005"
"""The newest migration, by which the tables are as they stand here."""

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite has no exact type above 2**63 - 1: a NUMERIC column would turn the upper half of u64 into floats.
AMOUNT: Final = Numeric(20, 0).with_variant(Text(), "sqlite")
SUM: Final = Numeric(40, 0).with_variant(Text(), "sqlite")
ORDER_ID: Final = Uuid(as_uuid=False).with_variant(Text(), "sqlite")

UNFINISHED: Final = text("status NOT IN ('confirmed', 'failed')")
RETRYING: Final = text("status = 'pending' AND attempt > 1")
LIVE: Final = text("signature IS NOT NULL AND outcome IS NULL")
FLAGGED: Final = text("attention IS NOT NULL AND outcome IS NULL")
"""Conditions of partial indexes. SQLite uses such an index only where a query says the very same."""


def _one_of(column: str, *values: enum.StrEnum) -> CheckConstraint:
    # Not `IN`: SQLite would build a table of more than two values anew for each row, a quarter of the time to write it.
    return CheckConstraint(" OR ".join(f"{column} = '{value}'" for value in values), name=column)


def _of_order() -> Column[str]:
    return Column("order_id", ORDER_ID, ForeignKey("orders.id"), nullable=False)


def _of_locked_order() -> tuple[Column[str], ForeignKeyConstraint]:
    # PostgreSQL would look up the order for each row, a fifth of the time that all of an order's writes take. Its store
    # writes these rows only in a statement that has locked, or inserts, the order's.
    constraint = ForeignKeyConstraint(["order_id"], ["orders.id"])
    return Column("order_id", ORDER_ID, nullable=False), constraint.ddl_if(dialect="sqlite")


# PostgreSQL would spend more time on compressing rows of more than 2 KB than they are worth.
_UNCOMPRESSED: Final = {"toast_tuple_target": 8160}
# Rows that change all the time, and in no indexed column: new versions must find room on their page.
_ROOMY: Final = {"fillfactor": 50}


orders: Final = Table(
    "orders",
    metadata,
    Column("id", ORDER_ID, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("token_in", Text, nullable=False),
    Column("token_out", Text, nullable=False),
    Column("decimals_in", SmallInteger, nullable=False),
    Column("decimals_out", SmallInteger, nullable=False),
    Column("amount_in", AMOUNT, nullable=False),
    Column("min_amount_out", AMOUNT),
    Column("slippage", Integer, nullable=False),  # basis points
    Column("expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # What stands above never changes.
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("dex_selected", Text),
    Column("tx_hash", Text),
    Column("executed_price", Text),
    Column("amount_out", AMOUNT),
    Column("error_code", Text),
    Column("error_reason", Text),
    Column("updated_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger),
    Column("seq", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
    Column("event_hash", LargeBinary, nullable=False),  # of its last event: the next one's prev_hash
    PrimaryKeyConstraint("id"),
    _one_of("status", *Status),
    CheckConstraint("attempt >= 1", name="attempt"),
    CheckConstraint("slippage BETWEEN 0 AND 10000", name="slippage"),
    CheckConstraint("token_in <> token_out", name="pair"),
    CheckConstraint("seq >= 1 AND version >= seq", name="version"),
    CheckConstraint(
        "(completed_at IS NOT NULL) = (status IN ('confirmed', 'failed'))",
        name="completed",
    ),
)
Index("ix_orders_due", orders.c.wake_at, postgresql_where=UNFINISHED, sqlite_where=UNFINISHED)
Index("ix_orders_retrying", orders.c.wake_at, postgresql_where=RETRYING, sqlite_where=RETRYING)
Index("ix_orders_of_user", orders.c.user_id, orders.c.created_at.desc(), orders.c.id.desc())

order_executions: Final = Table(
    "order_executions",
    metadata,
    *_of_locked_order(),
    Column("attempt", Integer, nullable=False),
    Column("quotes", Text, nullable=False),
    Column("venue", Text),
    Column("quoted_out", AMOUNT),
    Column("min_out", AMOUNT),
    Column("quoted_at", BigInteger),
    Column("route", Text, nullable=False),
    Column("signature", Text),
    Column("signed_transaction", LargeBinary),
    Column("blockhash", Text),
    Column("last_valid_block_height", BigInteger),
    Column("submitted_at", BigInteger),
    Column("outcome", Text),
    Column("amount_in", AMOUNT),
    Column("amount_out", AMOUNT),
    Column("error_code", Text),
    Column("error_reason", Text),
    Column("attention", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    PrimaryKeyConstraint("order_id", "attempt"),
    CheckConstraint("attempt >= 1", name="attempt"),
    _one_of("outcome", *AttemptOutcome),
    CheckConstraint("(signature IS NULL) = (signed_transaction IS NULL)", name="signed"),
    postgresql_with=_UNCOMPRESSED,
)
Index(
    "uq_order_executions_live_signature",
    order_executions.c.order_id,
    unique=True,
    postgresql_where=LIVE,
    sqlite_where=LIVE,
)
Index("uq_order_executions_signature", order_executions.c.signature, unique=True)
Index("ix_order_executions_flagged", order_executions.c.order_id, postgresql_where=FLAGGED, sqlite_where=FLAGGED)

order_events: Final = Table(
    "order_events",
    metadata,
    *_of_locked_order(),
    Column("seq", Integer, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_seq", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("data", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("order_id", "seq"),
    UniqueConstraint("user_id", "user_seq"),
    _one_of("status", *Status),
    CheckConstraint("seq >= 1 AND user_seq >= 1", name="seq"),
    CheckConstraint("attempt >= 1", name="attempt"),
    postgresql_with=_UNCOMPRESSED,
)

order_failures: Final = Table(
    "order_failures",
    metadata,
    _of_order(),
    Column("attempt", Integer, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("order_id", "attempt"),
    CheckConstraint("attempt >= 1", name="attempt"),
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _of_order(),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
)

user_streams: Final = Table(
    "user_streams",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("user_seq", BigInteger, nullable=False),
    Column("orders", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("user_id"),
    postgresql_with=_ROOMY,
)

# A status has several rows where writers would wait for each other on one; its count is their sum.
order_counts: Final = Table(
    "order_counts",
    metadata,
    Column("status", Text, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("orders", BigInteger, nullable=False),
    PrimaryKeyConstraint("status", "shard"),
    _one_of("status", *Status),
    postgresql_with=_ROOMY,
)

# The mock network's ledger. It is another system's memory, so nothing ties it to the orders.
mock_landings: Final = Table(
    "mock_landings",
    metadata,
    Column("signature", Text, nullable=False),
    Column("order_id", ORDER_ID, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("amount_in", AMOUNT, nullable=False),
    Column("amount_out", AMOUNT, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("landed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("signature"),
    _one_of("outcome", SwapOutcome.LANDED, SwapOutcome.REVERTED),
)

# The latest slot as of which that ledger was looked at, in one row: what should have landed before can't any more.
mock_tip: Final = Table(
    "mock_tip",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    Column("slot", BigInteger, nullable=False),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="one"),
    postgresql_with=_ROOMY,
)

# Of a key's secret only the digest is kept; scopes stand with a space between.
api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    PrimaryKeyConstraint("id"),
)

# What is switched on: a row `halt` while nothing may be signed.
switches: Final = Table(
    "switches",
    metadata,
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
)

# What a user sells of a token on a day, which is counted from 1970-01-01 (UTC).
daily_notional: Final = Table(
    "daily_notional",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("mint", Text, nullable=False),
    Column("amount", SUM, nullable=False),
    PrimaryKeyConstraint("user_id", "day", "mint"),
    postgresql_with=_ROOMY,
)

# What of each such sum is whose: nothing any more, once the order has ended without a swap.
reservations: Final = Table(
    "reservations",
    metadata,
    Column("order_id", ORDER_ID, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("mint", Text, nullable=False),
    Column("amount", AMOUNT, nullable=False),
    PrimaryKeyConstraint("order_id"),
)

audit_log: Final = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("seq"),
    CheckConstraint("seq >= 1", name="seq"),
)

_REFUSED: Final = "the audit log is never changed"
_FUNCTION: Final = f"""CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS
 $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"""
_TRIGGER: Final = """CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
 FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows()"""
for _statement in (_FUNCTION, _TRIGGER):
    event.listen(audit_log, "after_create", DDL(_statement).execute_if(dialect="postgresql"))
for _verb in ("UPDATE", "DELETE"):
    _statement = f"""CREATE TRIGGER audit_log_{_verb.lower()} BEFORE {_verb} ON audit_log
 BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"""
    event.listen(audit_log, "after_create", DDL(_statement).execute_if(dialect="sqlite"))
