"""Whatever is changed in PostgreSQL by another hand than the store's is found, and the right order is named."""

import asyncio

import asyncpg
import pytest

from bestfill.errors import StoreError
from bestfill_adapters.sql.sqlite import SqliteStore
from bestfill_adapters.sql.tables import order_events
from bestfill_adapters.verify import verify, walk
from bestfill_adapters.verify.postgres import PostgresSource
from bestfill_adapters.verify.sqlite import SqliteSource
from tests.integration.sql.orders import advance, crowd, place
from tests.integration.sql.stories import USERS, blamed, fill, found, keep_busy

pytestmark = pytest.mark.anyio

STRANGER = "01940000-0000-7000-8000-000000000000"
ONE = "order_id = '{0}' AND seq = {1}"
EVENTS = {
    "order_id": f"order_id = '{STRANGER}'",
    "seq": "seq = 99",
    "user_id": "user_id = user_id || '0'",
    "user_seq": "user_seq = user_seq + 1000",
    "status": "status = CASE status WHEN 'failed' THEN 'pending' ELSE 'failed' END",
    "attempt": "attempt = attempt # 2",
    "data": "data = overlay(data placing ' ' from length(data))",
    "timestamp": '"timestamp" = "timestamp" # 1',
    "prev_hash": "prev_hash = set_byte(prev_hash, 31, get_byte(prev_hash, 31) # 1)",
}
CASES = {
    **{f"{column} of event {seq}": f"UPDATE order_events SET {change} WHERE {ONE.format('{0}', seq)}"
       for column, change in EVENTS.items() for seq in (1, 3, 5)},
    "an event is removed": f"DELETE FROM order_events WHERE {ONE.format('{0}', 3)}",
    "the last event is removed": f"DELETE FROM order_events WHERE {ONE.format('{0}', 5)}",
    "the row is removed": "DELETE FROM orders WHERE id = '{0}'",
    "the row says otherwise": "UPDATE orders SET amount_out = amount_out + 1 WHERE id = '{0}'",
    "an amount is no number": "UPDATE orders SET amount_in = 'NaN' WHERE id = '{0}'",
    "the row holds another hash": "UPDATE orders SET event_hash = sha256(event_hash) WHERE id = '{0}'",
    "a row has no JSON": f"UPDATE order_events SET data = '{{{{' WHERE {ONE.format('{0}', 3)}",
    "an attempt is removed": "DELETE FROM order_executions WHERE order_id = '{0}'",
    "its swap took otherwise": "UPDATE order_executions SET amount_in = amount_in + 1 WHERE order_id = '{0}'",
    "its bound was another": "UPDATE order_executions SET min_out = min_out - 1 WHERE order_id = '{0}'",
}  # fmt: skip


async def faults(url: str):
    return await asyncio.to_thread(lambda: found(PostgresSource(url)))


def test_every_column_of_an_event_is_among_what_is_changed():
    assert EVENTS.keys() == {c.name for c in order_events.c}


async def test_every_change_is_found_in_its_order_and_the_others_are_whole(pg_store, postgres_url):
    orders = await crowd(pg_store, len(CASES) + 5, users=3)
    assert await faults(postgres_url) == []
    connection = await asyncpg.connect(postgres_url)
    try:
        for order, statement in zip(orders, CASES.values(), strict=False):
            assert (await connection.execute(statement.format(order.id))).endswith(" 1")
    finally:
        await connection.close()
    blame = blamed(await faults(postgres_url)) - {STRANGER}
    missed = [name for order, name in zip(orders, CASES, strict=False) if order.id not in blame]
    assert missed == [] and len(blame) == len(CASES)


async def test_what_the_store_has_written_is_whole_whatever_it_is(pg_store, postgres_url):
    orders = await fill(pg_store)
    source = await asyncio.to_thread(PostgresSource, postgres_url)
    verdict = await asyncio.to_thread(verify, source, lambda fault: pytest.fail(str(fault)))
    await asyncio.to_thread(source.close)
    assert (verdict.orders, verdict.unfinished) == (len(orders), 3)


async def test_both_databases_have_the_same_digest_for_the_same_stories(pg_store, postgres_url, file):
    def digest(source):
        try:
            return verify(source, lambda fault: pytest.fail(str(fault)))
        finally:
            source.close()

    store = SqliteStore(file)
    store.start()
    for to in (store, pg_store):
        for number in range(3):
            await advance(to, await place(to, number, USERS[2]), number + 2)
    store.close()
    theirs = await asyncio.to_thread(lambda: digest(PostgresSource(postgres_url)))
    assert digest(SqliteSource(file.path)) == theirs and theirs.events == 3 + 4 + 5


async def test_an_order_that_is_taken_out_whole_leaves_a_hole_among_its_users_events(pg_store, postgres_url):
    first, *_ = await crowd(pg_store, 3, users=1)
    connection = await asyncpg.connect(postgres_url)
    try:
        for table, column in (("order_events", "order_id"), ("order_executions", "order_id"), ("orders", "id")):
            await connection.execute(f"DELETE FROM {table} WHERE {column} = '{first.id}'")
    finally:
        await connection.close()
    (fault,) = await faults(postgres_url)
    assert str(fault).startswith("user 'user-0': 10 events with 10 numbers from ")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE order_events SET user_seq = 5 WHERE user_seq = 4", "15 events with 14 numbers"),
        (
            f"INSERT INTO order_events SELECT '{STRANGER}', seq, user_id, user_seq, status, attempt, data,"  # noqa: ISC004
            " timestamp, prev_hash FROM order_events WHERE user_seq = 4",
            "16 events with 15 numbers",
        ),
    ],
)
async def test_a_number_that_is_there_twice_is_found(pg_store, postgres_url, statement, said):
    await crowd(pg_store, 3, users=1)
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("ALTER TABLE order_events DROP CONSTRAINT uq_order_events_user_id_user_seq")
        await connection.execute(statement)
    finally:
        await connection.close()
    said = f"user 'user-0': {said} from 1 to 15, where 15 are counted"
    assert said in {str(fault) for fault in await faults(postgres_url)}


async def test_a_user_whose_orders_are_counted_otherwise_is_found(pg_store, postgres_url):
    await crowd(pg_store, 3, users=1)
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("UPDATE user_streams SET orders = orders + 1")
    finally:
        await connection.close()
    assert [str(fault) for fault in await faults(postgres_url)] == ["user 'user-0': 3 orders, where 4 are counted"]


async def test_pages_of_any_size_tell_the_same(pg_store, postgres_url, monkeypatch):
    await crowd(pg_store, 5)
    for size in (1, 4, 5, 6):
        monkeypatch.setattr(walk, "PAGE", size)
        assert await faults(postgres_url) == []


async def test_nothing_is_found_while_orders_are_running(pg_store, postgres_url):
    enough = asyncio.Event()
    running = asyncio.ensure_future(keep_busy(pg_store, enough))
    try:
        for _ in range(3):
            assert await faults(postgres_url) == []
    finally:
        enough.set()
        await running
    assert await faults(postgres_url) == []


async def test_it_cannot_write_whatever_happens(pg_store, postgres_url):
    def delete() -> None:
        source = PostgresSource(postgres_url)
        try:
            with source.snapshot():
                list(source._rows("DELETE FROM orders RETURNING id"))
        finally:
            source.close()

    with pytest.raises(StoreError, match="read-only transaction"):
        await asyncio.to_thread(delete)


async def test_a_database_of_another_schema_or_none_is_refused(pg_store, postgres_url):
    connection = await asyncpg.connect(postgres_url)
    for statement, said in (
        ("UPDATE alembic_version SET version_num = '0000'", "the database has 0000"),
        ("DROP TABLE alembic_version", "does not exist"),
    ):
        await connection.execute(statement)
        with pytest.raises(StoreError, match=said):
            await faults(postgres_url)
    await connection.close()
