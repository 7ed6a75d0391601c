"""Any database is brought to the tables of this release, or refused with a reason."""

import asyncio
import logging
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from bestfill.errors import StoreError
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from bestfill_adapters.sql.tables import SCHEMA, metadata
from tests.integration.sql.orders import crowd

ADAPTERS = Path(__file__).parents[3] / "packages" / "adapters"


def schema(path: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    # A column that was added later stands at the end of its line.
    return {name: sorted(filter(None, (part.strip(" \t,") for part in re.split(r", |\n", sql)))) for name, sql in found}


def test_the_migrations_make_exactly_the_tables(migrated, tmp_path):
    engine = create_engine(SqliteFile(migrated).url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_heads() == (SCHEMA,)
    engine.dispose()


def test_the_migrations_make_the_same_checks_and_partial_indexes(migrated, tmp_path):
    direct = SqliteFile(tmp_path / "direct.db")
    engine = create_engine(direct.url)
    metadata.create_all(engine)
    engine.dispose()
    made = schema(migrated)
    del made["alembic_version"]
    assert made == schema(direct.path)


def test_migrating_again_changes_nothing(migrated, tmp_path):
    path = tmp_path / "again.db"
    shutil.copy(migrated, path)
    before = schema(path)
    migrate(SqliteFile(path).url)
    assert schema(path) == before


def test_orders_of_before_the_count_are_counted(file):
    store = SqliteStore(file)
    store.start()
    asyncio.run(crowd(store, 5, users=2))
    store.close()
    before = schema(file.path)
    with closing(sqlite3.connect(file.path)) as db, db:
        for table in ("api_keys", "switches", "daily_notional", "reservations", "audit_log"):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE user_streams DROP COLUMN orders")
        db.execute("UPDATE alembic_version SET version_num = '0002'")
    assert migrate(file.url)
    assert schema(file.path) == before
    store.start()
    pages = [asyncio.run(store.page(user_id, 1, 0)) for user_id in ("user-0", "user-1", "user-2")]
    store.close()
    assert [page.total for page in pages] == [3, 2, 0]


def test_processes_that_migrate_at_once_do_it_once(tmp_path):
    path = tmp_path / "shared.db"
    run = [sys.executable, "-c", "import sys; from bestfill_adapters.sql.migrate import migrate; migrate(sys.argv[1])"]
    processes = [
        subprocess.Popen([*run, SqliteFile(path).url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(3)
    ]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    assert said == [b""] * 3, "a migration has nothing to say"
    assert "orders" in schema(path)


def test_a_newer_schema_is_refused_and_left_alone(migrated, tmp_path):
    path = tmp_path / "newer.db"
    shutil.copy(migrated, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = schema(path)
    with pytest.raises(StoreError, match="of a newer release, with the schema 9999: use that release"):
        migrate(SqliteFile(path).url)
    assert schema(path) == before


def test_a_migration_that_breaks_off_leaves_nothing_behind(tmp_path):
    path = tmp_path / "foreign.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE mock_landings (mine TEXT)")  # the last table that is made
    before = schema(path)
    with pytest.raises(StoreError, match="mock_landings already exists"):
        migrate(SqliteFile(path).url)
    assert schema(path) == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text.db"
    path.write_bytes(b"no database at all " * 1_000)
    with pytest.raises(StoreError, match="can't be migrated: file is not a database"):
        migrate(SqliteFile(path).url)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match="unable to open database file"):
        migrate(SqliteFile(tmp_path / "missing" / "b.db").url)


@pytest.mark.parametrize("url", ["s3cret", "sqlite://u:s3cret@host:s3cret/x", "nosuch://u:s3cret@host/x"])
def test_an_address_that_does_not_do_is_refused_without_repeating_it(url):
    with pytest.raises(StoreError, match="the database's address") as refused:
        migrate(url)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__


@pytest.mark.parametrize("name", ["with space.db", "50%.db", "a?b.db", "a#b.db", "ünïcode 用户.db", "a%20b.db"])
def test_any_file_name_is_the_same_file_for_all(tmp_path, name):
    file = SqliteFile(tmp_path / name)
    migrate(file.url)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_logging_stays_as_the_application_set_it_and_hears_only_of_a_change(tmp_path, caplog):
    root, talker = logging.getLogger(), logging.getLogger("alembic.runtime.migration")
    others = logging.getLogger("somebody.elses")
    caplog.set_level(logging.DEBUG)

    def settings() -> tuple[object, ...]:
        return (root.level, list(root.handlers), root.manager.disable, talker.level, list(talker.filters))

    before = settings()
    for _ in range(2):
        migrate(SqliteFile(tmp_path / "b.db").url)
    assert settings() == before and not others.disabled
    assert [record.getMessage() for record in caplog.records] == ["database migrated"]


def test_the_wheel_ships_the_migrations(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ADAPTERS,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    source = ADAPTERS / "src"
    scripts = source / "bestfill_adapters" / "sql" / "migrations"
    assert {p.relative_to(source) for p in scripts.rglob("*.py")} <= shipped
    assert len(list(scripts.glob("versions/*.py"))) >= 1
