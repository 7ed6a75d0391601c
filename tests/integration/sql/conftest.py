"""A migrated database for each test: a file, or one on a server."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore


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
def postgres_url(migrated_url: str) -> str:
    """Give a migrated database of its own on a real server."""
    return migrated_url


@pytest.fixture
async def pg_store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    await store.start()
    yield store
    await store.close()
