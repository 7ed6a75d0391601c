"""A database that can't do its work says so, and stores nothing by halves."""

import sqlite3
from contextlib import closing

import pytest

from bestfill.errors import StoreError
from bestfill.order import Order
from bestfill.testing import samples
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, new_order
from bestfill_adapters.sql.groups import GroupWriter
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from tests.integration.sql.orders import advance, crowd, place

pytestmark = pytest.mark.anyio


async def test_a_full_disk_is_told_and_stores_nothing_by_halves(store):
    before = await place(store)
    await limit_pages(store, 1)
    big = new_order(2, samples.request(user_id="x" * 100_000))
    with pytest.raises(StoreError, match="full"):
        await store.place(*big)
    assert await check_order(store, before.id) == before
    assert await store.events(big[0].id) == [] and await store.user_seq(big[0].user_id) == 0
    assert (await store.counts(NOW)).waiting == 1

    await limit_pages(store, 2**30)
    await store.place(*big)
    assert await check_order(store, big[0].id) == big[0]
    await advance(store, before, 4)


async def limit_pages(store: SqliteStore, pages: int) -> None:
    """Make the disk, as the writer sees it, as small as the file, or large again."""
    await store._writer.do(lambda draft: draft._db.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def test_when_the_commit_fails_every_caller_hears_of_it(file):
    """A foreign key that is checked as late as possible makes COMMIT itself fail."""

    class Late:
        def __init__(self, db: sqlite3.Connection) -> None:
            self.db = db

        def spoil(self) -> None:
            self.db.execute("PRAGMA defer_foreign_keys = ON")
            self.db.execute("INSERT INTO idempotency_keys VALUES ('u', 'k', 'd', 'no such order', 0)")

        def count(self) -> None:
            self.db.execute("INSERT INTO order_counts VALUES ('failed', 9, 1)")

        def flush(self) -> None: ...

    writer = GroupWriter(file, "writer", Late)
    writer.start()
    try:
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            await writer.do(Late.spoil)
        await writer.do(Late.count)
    finally:
        writer.close()
    with closing(sqlite3.connect(file.path)) as connection:
        assert connection.execute("SELECT count(*) FROM idempotency_keys").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM order_counts").fetchone() == (1,)


async def test_a_lock_that_another_tool_holds_is_waited_for_and_then_told(file, monkeypatch):
    monkeypatch.setattr("bestfill_adapters.sql.file.BUSY_TIMEOUT_S", 0.05)
    store = SqliteStore(file)
    store.start()
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await place(store)
        assert (await store.page("user-123", 10, 0)).total == 0
        other.execute("ROLLBACK")
        await crowd(store, 3)
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "bestfill.db"
    path.write_bytes(b"certainly no database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"bestfill\.db can't be opened: file is not a database"):
        SqliteStore(SqliteFile(path)).start()


def test_a_folder_in_the_files_place_is_refused(tmp_path):
    with pytest.raises(StoreError, match="can't be opened: unable to open"):
        SqliteStore(SqliteFile(tmp_path)).start()


def test_a_database_without_tables_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such table"):
        SqliteStore(SqliteFile(tmp_path / "empty.db")).start()


async def test_damage_in_the_middle_of_the_file_is_told(file):
    store = SqliteStore(file)
    store.start()
    orders = await crowd(store, 50)
    store.close()
    pages = bytearray(file.path.read_bytes())
    pages[4096 * 4 :] = b"\xff" * (len(pages) - 4096 * 4)
    file.path.write_bytes(pages)
    damaged = SqliteStore(file)
    with pytest.raises(StoreError, match="malformed|not a database|disk image"):
        await read_all(damaged, orders)
    damaged.close()


async def read_all(store: SqliteStore, orders: list[Order]) -> None:
    store.start()
    for order in orders:
        await store.get(order.id)
        await store.events(order.id)
