"""A row holds every field of a value, each in the column of its name."""

import sqlite3
from collections.abc import Iterator

import attrs
import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from bestfill.errors import ErrorCode
from bestfill.events import OrderEvent
from bestfill.order import Attempt, AttemptOutcome, Failure, Order, Status
from bestfill.quote import Considered, Fill, Leg, Quote, SignedSwap
from bestfill.units import U64_MAX
from bestfill_adapters.sql import rows, statements
from bestfill_adapters.sql.tables import metadata

QUOTE = Quote(
    venue="v", input_mint="in", output_mint="out", amount_in=U64_MAX, amount_out=U64_MAX, price_impact_bps=2,
    fee_bps=3, payload=b"\x00\xff",
)  # fmt: skip
LEG = Leg(venue="v", input_mint="in", output_mint="out", amount_in=1, min_out=U64_MAX, payload=b"\xfe\x00")
ORDER = Order(
    id="id", user_id="user", token_in="in", token_out="out", decimals_in=1, decimals_out=2, amount_in=U64_MAX,
    min_amount_out=3, slippage_bps=4, status=Status.FAILED, attempt=5, dex_selected="dex", tx_hash="tx",
    executed_price="6.5", amount_out=7, error_code=ErrorCode.EXPIRED, error_reason="reason", expires_at=8,
    created_at=9, updated_at=10, completed_at=11, seq=12, version=13, wake_at=14,
)  # fmt: skip
ATTEMPT = Attempt(
    order_id="id", number=1, venue="venue", quoted_out=2, min_out=3, quoted_at=4, route=(LEG, LEG),
    quotes=(Considered(venue="v", quote=QUOTE, reason="r", chosen=True), Considered(venue="w", quote=None, reason="s")),
    signed=SignedSwap(signature="sig", transaction=b"\x00tx\xff", blockhash="hash", last_valid_block_height=21),
    submitted_at=5, outcome=AttemptOutcome.REVERTED, fill=Fill(amount_in=6, amount_out=U64_MAX),
    error_code=ErrorCode.QUOTE_ERROR, error_reason="reason", attention="attention", started_at=7, ended_at=8,
)  # fmt: skip
EVENT = OrderEvent(
    order_id="id", user_id="user", seq=1, user_seq=2, status=Status.ROUTING, attempt=3, timestamp=4,
    data={"b": "ü", "a": None, "n": 2**63, "list": [{"x": True}]},
)  # fmt: skip
FAILURE = Failure(order_id="id", attempt=1, code=ErrorCode.EXPIRED, reason="r", metadata={"a": None, "b": "ü"}, at=2)
# Fields that have a column of another name, or are columns by themselves.
RENAMED = {
    Order: {"slippage_bps": "slippage"},
    Attempt: {"number": "attempt"},
    OrderEvent: {},
    Failure: {"code": "error_code"},
}
APART = {"quotes", "route", "signed", "fill", "data", "metadata"}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    yield connection
    connection.close()


def write(db: sqlite3.Connection, value: object) -> None:
    match value:
        case Order():
            row = (*rows.fixed_part(value), *rows.moving_part(value), bytes(32))
            db.execute(statements.INSERT_ORDER, row)
        case Attempt():
            db.execute(statements.UPSERT_ATTEMPT, rows.attempt_row(value))
        case OrderEvent():
            row = rows.event_row(value, value.user_seq, rows.json_text(value.data), bytes(32))
            db.execute(statements.INSERT_EVENT, row)
        case Failure():
            db.execute(statements.UPSERT_FAILURE, rows.failure_row(value))


CASES = [
    pytest.param(ORDER, "orders", rows.to_order, id="order"),
    pytest.param(ATTEMPT, "order_executions", rows.to_attempt, id="attempt"),
    pytest.param(EVENT, "order_events", rows.to_event, id="event"),
    pytest.param(FAILURE, "order_failures", rows.to_failure, id="failure"),
]


@pytest.mark.parametrize(("value", "table", "read"), CASES)
def test_a_value_comes_back_whole(db, value, table, read):
    write(db, value)
    assert read(tuple(db.execute(f"SELECT * FROM {table}").fetchone())) == value


@pytest.mark.parametrize(("value", "table", "read"), CASES)
def test_each_field_is_in_the_column_of_its_name(db, value, table, read):
    write(db, value)
    row = dict(db.execute(f"SELECT * FROM {table}").fetchone())
    for field in attrs.fields(type(value)):
        if field.name not in APART:
            column = row[RENAMED[type(value)].get(field.name, field.name)]
            assert str(column) == str(getattr(value, field.name)), field.name


def test_what_an_attempt_signed_and_got_has_columns_of_its_own(db):
    write(db, ATTEMPT)
    row = dict(db.execute("SELECT * FROM order_executions").fetchone())
    assert (row["signature"], row["signed_transaction"], row["blockhash"]) == ("sig", b"\x00tx\xff", "hash")
    assert (row["last_valid_block_height"], row["amount_in"], row["amount_out"]) == (21, "6", str(U64_MAX))


def test_an_update_moves_every_column_that_can_move(db):
    old = attrs.evolve(ORDER, status=Status.PENDING, completed_at=None, seq=1, version=1, amount_out=None)
    write(db, old)
    db.execute(statements.UPDATE_ORDER, (*rows.moving_part(ORDER), b"hash", ORDER.id))
    row = db.execute("SELECT * FROM orders").fetchone()
    assert rows.to_order(tuple(row)) == ORDER and row["event_hash"] == b"hash"


@pytest.mark.parametrize("attempt", [Attempt(order_id="id", number=1, started_at=7)])
def test_what_is_not_known_yet_stays_unknown(db, attempt):
    write(db, attempt)
    assert rows.to_attempt(tuple(db.execute("SELECT * FROM order_executions").fetchone())) == attempt


def test_an_event_is_stored_in_the_very_words_that_are_sent(db):
    write(db, EVENT)
    assert db.execute("SELECT data FROM order_events").fetchone()["data"] == (
        '{"b":"ü","a":null,"n":9223372036854775808,"list":[{"x":true}]}'
    )


@pytest.mark.parametrize("change", [{"seq": 2}, {"status": Status.FAILED}, {"attempt": 9}, {"timestamp": 9}])
def test_the_hash_covers_everything_that_is_sent(change):
    def hashed(event: OrderEvent, prev: bytes = rows.NO_EVENT) -> bytes:
        return rows.event_hash(prev, event, rows.json_text(event.data))

    assert hashed(EVENT) != hashed(attrs.evolve(EVENT, **change))
    assert hashed(EVENT) != hashed(attrs.evolve(EVENT, data={}))
    assert hashed(EVENT) != hashed(EVENT, b"\x01" * 32)


@pytest.mark.parametrize("text", ["", "x", "\ud800", "0" * 36, "01940000-0000-7000-8000-00000000000A"])
def test_text_that_is_no_id_names_nothing(text):
    assert rows.order_key(text) == "00000000-0000-0000-0000-000000000000"
