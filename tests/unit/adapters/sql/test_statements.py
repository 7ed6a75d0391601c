"""The SQL text fits the tables, and uses the indexes that were made for it."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from bestfill_adapters.sql import statements
from bestfill_adapters.sql.tables import metadata

STATEMENTS = {name: text for name, text in vars(statements).items() if name.isupper() and isinstance(text, str)}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    dialect = sqlite.dialect()
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    yield connection
    connection.close()


def plan(db: sqlite3.Connection, text: str) -> str:
    return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}", [0] * text.count("?")))


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_statement_fits_the_tables(db, name):
    db.execute(f"EXPLAIN {STATEMENTS[name]}", [0] * STATEMENTS[name].count("?"))


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - {"SELECT_COUNTS"}))
def test_no_statement_reads_a_whole_table(db, name):
    for line in plan(db, STATEMENTS[name]).splitlines():
        how, what = line.split()[:2]
        whole = how == "SCAN" and what in metadata.tables
        assert not whole or line.endswith("USING INDEX ix_order_executions_flagged"), line


@pytest.mark.parametrize("name", ["INSERT_ORDER", "UPDATE_ORDER", "UPSERT_ATTEMPT", "INSERT_EVENT", "INSERT_LANDING"])
def test_a_statement_for_many_rows_is_the_one_for_a_row_with_more_of_them(db, name):
    one = STATEMENTS[name]
    assert statements.many(one, 1) == one
    three = statements.many(one, 3)
    assert three.count("?") == 3 * one.count("?")
    db.execute(f"EXPLAIN {three}", [0] * three.count("?"))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("SELECT_DUE", "ix_orders_due (wake_at<?)"),
        ("END_LEASES", "ix_orders_due (wake_at>?)"),
        ("COUNT_DELAYED", "ix_orders_retrying (wake_at>?)"),
        ("COUNT_FLAGGED", "ix_order_executions_flagged"),
        ("SELECT_PAGE", "ix_orders_of_user (user_id=?)"),
        ("SELECT_TOTAL", "user_streams USING INDEX sqlite_autoindex_user_streams_1 (user_id=?)"),
        ("SELECT_USER_EVENTS", "(user_id=? AND user_seq>?)"),
        ("SELECT_EVENTS", "(order_id=? AND seq>?)"),
    ],
)
def test_the_indexes_are_used_and_save_the_sorting(db, name, index):
    text = plan(db, STATEMENTS[name])
    assert index in text
    assert "TEMP B-TREE" not in text
