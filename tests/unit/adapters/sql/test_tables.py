"""The tables are the same for PostgreSQL and SQLite, each with types that keep amounts exact."""

import pytest
from sqlalchemy import CheckConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from bestfill.order import AttemptOutcome, Status
from bestfill_adapters.sql.tables import UNFINISHED, metadata, order_executions, orders

AMOUNTS = [
    column
    for table in metadata.tables.values()
    for column in table.columns
    if column.name in ("amount_in", "min_amount_out", "amount_out", "quoted_out", "min_out")
]


@pytest.mark.parametrize("column", AMOUNTS, ids=str)
def test_amounts_are_exact_numbers_in_postgresql_and_text_in_sqlite(column):
    assert column.type.compile(dialect=postgresql.dialect()) == "NUMERIC(20, 0)"
    assert column.type.compile(dialect=sqlite.dialect()) == "TEXT"


@pytest.mark.parametrize("dialect", [postgresql.dialect(), sqlite.dialect()], ids=["postgresql", "sqlite"])
def test_at_most_one_signature_of_an_order_is_live(dialect):
    (index,) = (i for i in order_executions.indexes if i.name == "uq_order_executions_live_signature")
    text = str(CreateIndex(index).compile(dialect=dialect))
    assert text.startswith("CREATE UNIQUE INDEX")
    assert text.endswith("ON order_executions (order_id) WHERE signature IS NOT NULL AND outcome IS NULL")


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_no_column_of_postgresql_holds_a_float(table):
    text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "TEXT" in text or "BIGINT" in text
    assert "FLOAT" not in text and "DOUBLE" not in text and "REAL" not in text


def test_the_checks_know_every_status_and_outcome():
    constraints = [*orders.constraints, *order_executions.constraints]
    checks = {str(c.name): str(c.sqltext) for c in constraints if isinstance(c, CheckConstraint)}
    assert all(f"'{status}'" in checks["ck_orders_status"] for status in Status)
    assert all(f"'{outcome}'" in checks["ck_order_executions_outcome"] for outcome in AttemptOutcome)
    ended = ", ".join(f"'{status}'" for status in Status if status.terminal)
    assert str(UNFINISHED) == f"status NOT IN ({ended})"
    assert checks["ck_orders_completed"].endswith(f"(status IN ({ended}))")
