"""The mock chain's memory in the embedded mode: a table beside the orders', on connections of its own."""

import sqlite3

from bestfill.units import Signature
from bestfill_adapters.mock.ledger import Landing, Ledger, Tip, to_landing, to_row
from bestfill_adapters.sql import statements as sql
from bestfill_adapters.sql.draft import write_rows
from bestfill_adapters.sql.file import SqliteFile
from bestfill_adapters.sql.groups import Draft, GroupReader, GroupWriter


class SqliteLedger(Ledger):
    """Landings in a migrated database file. The store knows nothing of it: a chain is another system.

    The file is one process's alone, so how far it was looked at need not be stored.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._writer = GroupWriter(file, "ledger-writer", _Landings)
        self._reader = GroupReader(file, "ledger-reader")
        self._slot = 0
        self._tip = Tip(self._move)

    def start(self) -> None:
        """Open the file.

        Raises:
            StoreError: the file can't be used.
        """
        self._writer.start()
        self._reader.start()

    def close(self) -> None:
        """Finish what is queued, and let the file go."""
        self._writer.close()
        self._reader.close()

    async def record(self, landing: Landing, last_slot: int) -> None:
        """Keep a landing, if there is none and it is not too late."""

        def add(landings: _Landings) -> None:
            if last_slot >= self._slot:
                landings.add(landing)

        await self._writer.do(add)

    async def find(self, signature: Signature, slot: int = 0) -> Landing | None:
        """Give a signature's landing."""
        await self._tip.reach(slot)
        return await self._reader.do(lambda db: _find(db, signature))

    async def _move(self, slot: int) -> None:
        def forbid(_: _Landings) -> None:
            self._slot = max(self._slot, slot)

        await self._writer.do(forbid)  # what stands before it is on disk when this returns


class _Landings(Draft):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._rows: list[tuple[str | int, ...]] = []

    def add(self, landing: Landing) -> None:
        self._rows.append(to_row(landing))

    def flush(self) -> None:
        write_rows(self._db, sql.INSERT_LANDING, self._rows)
        self._rows = []


def _find(db: sqlite3.Connection, signature: Signature) -> Landing | None:
    row = db.execute(sql.SELECT_LANDING, (signature,)).fetchone()
    return None if row is None else to_landing(row)
