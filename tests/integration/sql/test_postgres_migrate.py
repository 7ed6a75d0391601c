"""PostgreSQL is brought to the tables of this release, or refused with a reason."""

import asyncio
import os
import subprocess
import sys
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from bestfill.errors import StoreError
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.tables import SCHEMA, metadata
from tests.integration.sql.orders import crowd
from tests.integration.sql.test_postgres_store import until_waiting
from tools.servers.databases import create_database, drop_database

CATALOG = {
    "columns": "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull"
    " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
    " WHERE attnum > 0 AND NOT attisdropped AND relkind = 'r'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid)"
    " FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE contype <> 'n'",
    "indexes": "SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid",
    "options": "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r'",
    "triggers": "SELECT pg_get_triggerdef(pg_trigger.oid), prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
    " JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal",
}


async def schema(url: str) -> dict[str, list[tuple]]:
    connection = await asyncpg.connect(url)
    try:
        ours = " AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
        return {
            name: sorted(map(repr, map(tuple, await connection.fetch(query + (" AND" if "WHERE" in query else " WHERE")
            + ours.removeprefix(" AND")))))
            for name, query in CATALOG.items()
        }  # fmt: skip
    finally:
        await connection.close()


async def test_the_migrations_make_exactly_the_tables(database_url, postgres):
    direct = create_database(postgres.url)
    engine = create_async_engine(direct.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    assert migrate(database_url)
    made, expected = await schema(database_url), await schema(direct)
    drop_database(postgres.url, direct)
    assert made == expected
    assert len(made["columns"]) > 50 and len(made["indexes"]) > 12 and len(made["triggers"]) == 1


async def test_migrating_again_changes_nothing(database_url):
    assert migrate(database_url) is True
    before = await schema(database_url)
    assert migrate(database_url.replace("postgresql:", "postgres:")) is False
    assert migrate(database_url.replace("postgresql:", "postgresql+asyncpg:")) is False
    assert await schema(database_url) == before


async def before_the_count(connection: asyncpg.Connection) -> None:
    await connection.execute("DROP TABLE api_keys, switches, daily_notional, reservations, audit_log")
    await connection.execute("DROP FUNCTION audit_log_only_grows")
    await connection.execute("ALTER TABLE user_streams DROP COLUMN orders")
    await connection.execute("UPDATE alembic_version SET version_num = '0002'")


async def test_orders_of_before_the_count_are_counted(pg_store, postgres_url):
    await crowd(pg_store, 5, users=2)
    before = await schema(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await before_the_count(connection)
    await connection.close()
    assert migrate(postgres_url)
    assert await schema(postgres_url) == before
    pages = [await pg_store.page(user_id, 1, 0) for user_id in ("user-0", "user-1", "user-2")]
    assert [page.total for page in pages] == [3, 2, 0]


async def test_what_is_written_while_the_count_is_added_stays(pg_store, postgres_url):
    await crowd(pg_store, 5, users=1)
    writer = await asyncpg.connect(postgres_url)
    await before_the_count(writer)
    async with writer.transaction():
        number = await writer.fetchval("UPDATE user_streams SET user_seq = user_seq + 1 RETURNING user_seq")
        migrating = asyncio.ensure_future(asyncio.to_thread(migrate, postgres_url))
        await until_waiting(postgres_url)
    assert await migrating
    assert await writer.fetchval("SELECT user_seq FROM user_streams") == number
    await writer.close()


def run(url: str, **environ: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "bestfill_adapters.sql"],
        env={**os.environ, "DATABASE_URL": url, "REDIS_URL": url and "redis://127.0.0.1:1/0", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_migrate_at_once_do_it_once(database_url):
    processes = [run(database_url) for _ in range(3)]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    done, idle = (
        f"the PostgreSQL database now has the schema {SCHEMA}\n",
        f"the PostgreSQL database has the schema {SCHEMA}\n",
    )
    assert sorted(out for out, _ in said) == sorted([done, idle, idle])
    assert [err for _, err in said] == [""] * 3


def test_without_a_server_the_file_of_the_settings_is_migrated(tmp_path):
    process = run("", BESTFILL_DATA_DIR=str(tmp_path / "var"))
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert f"var/bestfill.sqlite3 now has the schema {SCHEMA}" in out


def test_settings_that_do_not_do_are_told_by_2(tmp_path):
    process = run("", BESTFILL_PORT="x", PORT="much")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert "PORT" in err and "BESTFILL_PORT" in err


def test_a_server_that_is_not_there_is_told_in_a_line_without_the_password():
    process = run("postgresql://user:s3cret@127.0.0.1:1/name")
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.startswith("the database can't be reached: ") and err.count("\n") == 1 and "s3cret" not in err


async def test_a_newer_schema_is_refused_and_left_alone(database_url):
    migrate(database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    before = await schema(database_url)
    with pytest.raises(StoreError, match="of a newer release, with the schema 9999: use that release"):
        migrate(database_url)
    assert await schema(database_url) == before


async def test_a_migration_that_breaks_off_leaves_nothing_behind(database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE mock_tip (mine TEXT)")  # among the last that are made
    await connection.close()
    before = await schema(database_url)
    with pytest.raises(StoreError, match="mock_tip.* already exists"):
        migrate(database_url)
    assert await schema(database_url) == before


def test_a_database_that_is_not_there_is_told(postgres):
    with pytest.raises(StoreError, match='database "no_such" does not exist'):
        migrate(urlsplit(postgres.url)._replace(path="/no_such").geturl())


async def test_a_running_loop_does_not_mind(database_url):
    await asyncio.sleep(0)
    assert migrate(database_url)
