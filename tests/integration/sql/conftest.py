"""A migrated database file for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bestfill_adapters.sql.migrate import migrate
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
