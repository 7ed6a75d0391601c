"""A migrated database for each test: a file, or one on a server."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate once; the tests work on copies."""
    path = tmp_path_factory.mktemp("migrated") / "bestfill.db"
    migrate(SqliteFile(path).url)
    return path


@pytest.fixture
def file(migrated: Path, tmp_path: Path) -> SqliteFile:
    path = tmp_path / "bestfill.db"
    shutil.copy(migrated, path)
    return SqliteFile(path)


@pytest.fixture
def store(file: SqliteFile) -> Iterator[SqliteStore]:
    store = SqliteStore(file)
    store.start()
    yield store
    store.close()


@pytest.fixture
def postgres_url(database_url: str) -> str:
    """Give a migrated database of its own on a real server."""
    migrate(database_url)
    return database_url


@pytest.fixture
async def pg_store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    await store.start()
    yield store
    await store.close()
