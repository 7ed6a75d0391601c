"""What is asked of the control store by several processes at once, or of a database that does not do as it should."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing

import asyncpg
import pytest

from bestfill.access import ApiKey
from bestfill.errors import Conflict, StoreError
from bestfill.testing.contracts.control import DAY, HALT, KEY, SOL, fact, sells
from bestfill_adapters.sql.control import SqlControl, postgres
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.file import SqliteFile
from tests.integration.sql.orders import crowd
from tests.integration.sql.proxy import Proxy

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
async def controls(request: pytest.FixtureRequest) -> AsyncIterator[list[SqlControl]]:
    """Give three that know nothing of each other, as those of three processes."""
    if request.param == "sqlite":
        path = request.getfixturevalue("file").path
        made: list[SqlControl] = [SqliteControl(SqliteFile(path)) for _ in range(3)]
    else:
        url = request.getfixturevalue("postgres_url")
        made = [PostgresControl(url) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for control in made:
            await control.start()
            stack.push_async_callback(control.close)
        yield made


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_processes_number_one_log(controls):
    await asyncio.gather(*(control.record([fact(n), fact(n)]) for n in range(20) for control in controls))
    log = await controls[0].entries()
    assert [entry.seq for entry in log] == list(range(1, 121))
    assert [entry.prev_hash for entry in log[1:]] == [entry.hash for entry in log[:-1]]


async def test_processes_never_reserve_more_than_the_most(controls):
    asked = [control.reserve(sells(7), 100) for _ in range(10) for control in controls]
    assert (await asyncio.gather(*asked)).count(True) == 14
    assert [await control.reserved("ann", DAY, SOL) for control in controls] == [98] * 3


async def test_processes_count_an_order_once(controls):
    order = sells(60)
    assert await asyncio.gather(*(control.reserve(order, 100) for _ in range(4) for control in controls)) == [True] * 12
    assert await controls[0].reserved("ann", DAY, SOL) == 60
    await asyncio.gather(*(control.release(order) for control in controls))
    assert await controls[0].reserved("ann", DAY, SOL) == 0


async def test_one_of_many_processes_makes_a_key(controls):
    done = await asyncio.gather(*(control.add_key(KEY, fact()) for control in controls), return_exceptions=True)
    assert sorted(map(type, done), key=str) == sorted([type(None), Conflict, Conflict], key=str)
    assert len(await controls[0].entries()) == 1


async def test_a_change_whose_fact_can_not_be_told_is_not_made(controls, request):
    untold = fact(2**70)  # no database has room for such a time
    for change in (
        controls[0].add_key(KEY, untold),
        controls[0].set_halt(HALT, untold),
    ):
        with pytest.raises(StoreError, match="the database did not do it"):
            await change
    assert await controls[1].all_keys() == [] and await controls[1].halt() is None
    assert await controls[1].entries() == []


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'mallory'", "DELETE FROM audit_log"])
async def test_a_sqlite_log_only_grows(file, statement):
    control = SqliteControl(file)
    await control.record([fact()])
    await control.close()
    with closing(sqlite3.connect(file.path)) as db, pytest.raises(sqlite3.IntegrityError, match="is never changed"):
        db.execute(statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'mallory'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_a_postgresql_log_only_grows(connection, statement):
    with pytest.raises(asyncpg.RaiseError, match="is never changed"):
        await connection.execute(statement)


async def test_it_lives_with_the_orders_of_the_same_file(file, store):
    control = SqliteControl(file)
    other = SqliteControl(SqliteFile(file.path))  # as a command's process has it
    _, *_ = await asyncio.gather(
        crowd(store, 20), *(control.record([fact(n)]) for n in range(20)), *(other.record([fact(n)]) for n in range(20))
    )
    assert len(await control.entries()) == 40
    await control.close()
    await other.close()


async def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StoreError, match="there is no database"):
        await SqliteControl(SqliteFile(tmp_path / "none.db")).start()
    assert list(tmp_path.iterdir()) == []


async def test_other_tables_are_refused_with_the_mend(file, connection, postgres_url):
    with closing(sqlite3.connect(file.path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(StoreError, match="the database has 0003: run ./dev migrate"):
        await SqliteControl(file).start()
    await connection.execute("DROP TABLE alembic_version")
    with pytest.raises(StoreError, match="has no tables yet: run ./dev migrate"):
        await PostgresControl(postgres_url).start()


async def test_a_closed_file_is_told(file):
    control = SqliteControl(file)
    await control.close()
    with pytest.raises(StoreError, match="is not open"):
        await control.halt()


async def test_connections_that_died_unnoticed_are_replaced(postgres_url, connection):
    control = PostgresControl(postgres_url)
    await asyncio.gather(*(control.record([fact()]) for _ in range(9)))
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'bestfill control' AND datname = current_database()"
    )
    for _ in range(postgres.WRITERS + 1):
        await control.set_halt(HALT, fact())
    assert await control.halt() == HALT
    await control.close()


async def test_a_server_that_does_not_answer_is_told_in_time_and_is_used_again_when_it_does(postgres_url, monkeypatch):
    monkeypatch.setattr(postgres, "CALL_S", 0.2)
    async with Proxy(postgres_url) as proxy, asyncio.timeout(20):
        control = PostgresControl(proxy.url)
        await control.halt()
        proxy.block()
        # More than it has connections: some are cut short in the middle, some wait for a place.
        done = await asyncio.gather(*(control.halt() for _ in range(7)), return_exceptions=True)
        assert {type(error) for error in done} == {StoreError}
        assert "did not answer within 0.2 s" in {error.reason for error in done}.pop()
        proxy.unblock()
        while True:
            try:
                await control.set_halt(HALT, fact())
                break
            except StoreError:
                await asyncio.sleep(0.01)
        assert await control.halt() == HALT
        proxy.block()
        await control.close()
        proxy.unblock()


async def test_a_server_that_is_not_there_is_told():
    control = PostgresControl("postgresql://me:s3cret@127.0.0.1:1/name")
    with pytest.raises(StoreError, match="did not do it") as told:
        await control.halt()
    assert "s3cret" not in told.value.reason
    await control.close()


async def test_a_lock_that_somebody_keeps_holds_up_nobody_for_ever(postgres_url, connection, monkeypatch):
    monkeypatch.setitem(postgres._SETTINGS, "lock_timeout", "20ms")
    control = PostgresControl(postgres_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE audit_log IN EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="lock timeout"):
            await control.record([fact()])
        assert await control.entries() == []
    await control.record([fact()])
    assert len(await control.entries()) == 1
    await control.close()


def test_no_key_shows_its_digest():
    assert isinstance(KEY, ApiKey) and "digest" not in repr(KEY)
