"""The first tables. A migration is never changed: it keeps its own copy of what it makes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

AMOUNT = sa.Numeric(20, 0).with_variant(sa.Text(), "sqlite")
ORDER_ID = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _orders()
    _executions()
    _events()
    _failures()
    _keys()
    _counters()
    _landings()


def downgrade() -> None:
    """Refuse: what would be dropped is the truth."""
    raise NotImplementedError("there is nothing before the first tables")


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", ORDER_ID, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("token_in", sa.Text, nullable=False),
        sa.Column("token_out", sa.Text, nullable=False),
        sa.Column("decimals_in", sa.SmallInteger, nullable=False),
        sa.Column("decimals_out", sa.SmallInteger, nullable=False),
        sa.Column("amount_in", AMOUNT, nullable=False),
        sa.Column("min_amount_out", AMOUNT),
        sa.Column("slippage", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("dex_selected", sa.Text),
        sa.Column("tx_hash", sa.Text),
        sa.Column("executed_price", sa.Text),
        sa.Column("amount_out", AMOUNT),
        sa.Column("error_code", sa.Text),
        sa.Column("error_reason", sa.Text),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wake_at", sa.BigInteger, nullable=False),
        sa.Column("event_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        _status("orders"),
        _check("orders", "attempt", "attempt >= 1"),
        _check("orders", "slippage", "slippage BETWEEN 0 AND 10000"),
        _check("orders", "pair", "token_in <> token_out"),
        _check("orders", "version", "seq >= 1 AND version >= seq"),
        _check("orders", "completed", "(completed_at IS NOT NULL) = (status IN ('confirmed', 'failed'))"),
    )
    _partial_index("ix_orders_due", "orders", "wake_at", "status NOT IN ('confirmed', 'failed')")
    _partial_index("ix_orders_retrying", "orders", "wake_at", "status = 'pending' AND attempt > 1")
    op.create_index("ix_orders_of_user", "orders", ["user_id", sa.text("created_at DESC"), sa.text("id DESC")])


def _executions() -> None:
    op.create_table(
        "order_executions",
        _order_id(),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("quotes", sa.Text, nullable=False),
        sa.Column("venue", sa.Text),
        sa.Column("quoted_out", AMOUNT),
        sa.Column("min_out", AMOUNT),
        sa.Column("quoted_at", sa.BigInteger),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("signature", sa.Text),
        sa.Column("signed_transaction", sa.LargeBinary),
        sa.Column("blockhash", sa.Text),
        sa.Column("last_valid_block_height", sa.BigInteger),
        sa.Column("submitted_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("amount_in", AMOUNT),
        sa.Column("amount_out", AMOUNT),
        sa.Column("error_code", sa.Text),
        sa.Column("error_reason", sa.Text),
        sa.Column("attention", sa.Text),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("order_id", "attempt", name=op.f("pk_order_executions")),
        _check("order_executions", "attempt", "attempt >= 1"),
        _one_of("order_executions", "outcome", "landed", "reverted", "expired", "abandoned"),
        _check("order_executions", "signed", "(signature IS NULL) = (signed_transaction IS NULL)"),
        _of_order("order_executions"),
    )
    live, flagged = "signature IS NOT NULL AND outcome IS NULL", "attention IS NOT NULL AND outcome IS NULL"
    _partial_index("uq_order_executions_live_signature", "order_executions", "order_id", live, unique=True)
    op.create_index("uq_order_executions_signature", "order_executions", ["signature"], unique=True)
    _partial_index("ix_order_executions_flagged", "order_executions", "order_id", flagged)


def _events() -> None:
    op.create_table(
        "order_events",
        _order_id(),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_seq", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "seq", name=op.f("pk_order_events")),
        sa.UniqueConstraint("user_id", "user_seq", name=op.f("uq_order_events_user_id_user_seq")),
        _status("order_events"),
        _check("order_events", "seq", "seq >= 1 AND user_seq >= 1"),
        _check("order_events", "attempt", "attempt >= 1"),
        _of_order("order_events"),
    )


def _failures() -> None:
    op.create_table(
        "order_failures",
        _order_id(),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("error_code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "attempt", name=op.f("pk_order_failures")),
        _check("order_failures", "attempt", "attempt >= 1"),
        _of_order("order_failures"),
    )


def _keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        _order_id(),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
        _of_order("idempotency_keys"),
    )


def _counters() -> None:
    op.create_table(
        "user_streams",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_streams")),
    )
    op.create_table(
        "order_counts",
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("orders", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("status", "shard", name=op.f("pk_order_counts")),
        _status("order_counts"),
    )


def _landings() -> None:
    op.create_table(
        "mock_landings",
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("order_id", ORDER_ID, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("amount_in", AMOUNT, nullable=False),
        sa.Column("amount_out", AMOUNT, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("landed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_mock_landings")),
        _one_of("mock_landings", "outcome", "landed", "reverted"),
    )


def _order_id() -> sa.Column[str]:
    return sa.Column("order_id", ORDER_ID, nullable=False)


def _of_order(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f(f"fk_{table}_order_id"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    return _check(table, column, " OR ".join(f"{column} = '{value}'" for value in values))


def _status(table: str) -> sa.CheckConstraint:
    return _one_of(table, "status", "pending", "routing", "building", "submitted", "confirmed", "failed")


def _partial_index(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], unique=unique, postgresql_where=condition, sqlite_where=condition)
