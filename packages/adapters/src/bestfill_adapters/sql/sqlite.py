"""The store of the embedded mode: SQLite, with one thread that writes and one that reads."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Failure, IdempotencyKey, Order
from bestfill.ports import OrderCounts, OrderPage, OrderStore, Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.sql import reads
from bestfill_adapters.sql import statements as sql
from bestfill_adapters.sql.draft import OrdersDraft
from bestfill_adapters.sql.file import SqliteFile
from bestfill_adapters.sql.groups import GroupReader, GroupWriter

__all__ = ["SqliteFile", "SqliteStore"]


class SqliteStore(OrderStore):
    """Orders in a migrated database file, which is this process's alone. One event loop at a time may call it."""

    def __init__(self, file: SqliteFile, telemetry: Telemetry = SILENT) -> None:
        self._file = file
        self._writer = GroupWriter(file, "orders-writer", OrdersDraft, telemetry)
        self._reader = GroupReader(file, "orders-reader", telemetry)

    def start(self, now: Millis = Millis(0)) -> None:
        """Open the file, and make every order due at `now` that an earlier process died with in hand.

        Raises:
            StoreError: the file can't be used, or is not migrated.
        """
        with self._file.lock, closing(self._file.connect()) as connection:
            try:
                connection.execute(sql.END_LEASES, (now, now))
            except sqlite3.Error as error:
                raise StoreError(f"the database {self._file.path} can't be used: {error}") from error
        self._writer.start()
        try:
            self._reader.start()
        except StoreError:
            self._writer.close()
            raise

    def close(self) -> None:
        """Finish what is queued, and let the file go."""
        self._writer.close()
        self._reader.close()

    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        """Store a new order, or give the one that its key stands for."""
        return await self._writer.do(lambda draft: draft.place(order, event, key), order)

    async def replay(self, key: IdempotencyKey) -> Order | None:
        """Give the order that a key stands for."""
        return await self._reader.do(lambda db: reads.replay(db, key))

    async def commit(self, transition: Transition) -> OrderEvent | None:
        """Write a transition if the version is as expected."""
        return await self._writer.do(lambda draft: draft.commit(transition), transition.order)

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take what is due."""
        return await self._writer.do(lambda draft: draft.claim_due(now, lease_until, limit))

    async def get(self, order_id: OrderId) -> Order:
        """Give one order."""
        return await self._reader.do(lambda db: reads.get(db, order_id))

    async def attempt(self, order_id: OrderId, number: int) -> Attempt | None:
        """Give one attempt."""
        return await self._reader.do(lambda db: reads.attempt(db, order_id, number))

    async def executions(self, order_id: OrderId) -> list[Attempt]:
        """Give all attempts of an order."""
        return await self._reader.do(lambda db: reads.executions(db, order_id))

    async def failures(self, order_id: OrderId) -> list[Failure]:
        """Give the failed attempts of an order."""
        return await self._reader.do(lambda db: reads.failures(db, order_id))

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of an order."""
        return await self._reader.do(lambda db: reads.events(db, order_id, since, limit))

    async def user_events(self, user_id: str, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        """Give events of a user's orders."""
        return await self._reader.do(lambda db: reads.user_events(db, user_id, since, limit))

    async def user_seq(self, user_id: str) -> int:
        """Give the number of the user's last event."""
        return await self._reader.do(lambda db: reads.user_seq(db, user_id))

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        """Give the number of each order's last event."""
        return await self._reader.do(lambda db: reads.seqs(db, list(order_ids)))

    async def user_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Give the number of each user's last event."""
        return await self._reader.do(lambda db: reads.user_seqs(db, list(user_ids)))

    async def page(self, user_id: str, limit: int, offset: int) -> OrderPage:
        """Give a page of a user's orders."""
        return await self._reader.do(lambda db: reads.page(db, user_id, limit, offset))

    async def counts(self, now: Millis) -> OrderCounts:
        """Count the orders."""
        return await self._reader.do(lambda db: reads.counts(db, now))

    async def ping(self) -> None:
        """Return if both threads answer."""
        await self._reader.do(reads.ping)
        await self._writer.do(OrdersDraft.flush)
