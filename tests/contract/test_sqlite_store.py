"""SQLite keeps every promise of the store's port."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bestfill.ports import OrderStore
from bestfill.testing.contracts.store import CHECKS
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_sqlite_store(check: Callable[[OrderStore], Awaitable[None]], migrated: Path, tmp_path: Path) -> None:
    store = SqliteStore(SqliteFile(shutil.copy(migrated, tmp_path / "bestfill.db")))
    store.start()
    try:
        await check(store)
    finally:
        store.close()
