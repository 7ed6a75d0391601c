"""The control store of the embedded mode: the orders' file, with a thread that reads and one that writes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from bestfill.errors import BestfillError, StoreError
from bestfill_adapters.sql.control.store import SqlControl, failure
from bestfill_adapters.sql.file import SqliteFile

T = TypeVar("T")
_READS: Final = "BEGIN"
_WRITES: Final = "BEGIN IMMEDIATE"


class SqliteControl(SqlControl):
    """Control in a migrated database file.

    Other processes may open the same file for it at once, such as an operator's command beside a running engine.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._reader = _Line(file, _READS)
        self._writer = _Line(file, _WRITES)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in a snapshot that holds whatever was acknowledged."""
        return await self._reader.do(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Write, when it is this writer's turn."""
        return await self._writer.do(work)

    async def close(self) -> None:
        """Finish what is queued, and let the file go."""
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.close)


class _Line:
    """One connection, and the one thread that uses it; opened by the first work."""

    def __init__(self, file: SqliteFile, begin: str) -> None:
        self._file = file
        self._alone = file.lock if begin == _WRITES else nullcontext()
        # Not the driver's own transactions: they would be deferred, and fail where they should wait.
        self._engine: Engine = create_engine(
            "sqlite://", poolclass=StaticPool, creator=lambda: file.connect(readonly=begin == _READS)
        )
        event.listen(self._engine, "begin", lambda db: db.exec_driver_sql(begin))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="control")

    async def do(self, work: Callable[[Connection], T]) -> T:
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self._perform, work)
        except RuntimeError as error:
            raise StoreError("the database is not open") from error
        return await done

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    def _perform(self, work: Callable[[Connection], T]) -> T:
        try:
            if not self._file.path.exists():  # or SQLite would make an empty one
                raise StoreError(f"there is no database {self._file.path} yet")
            with self._alone, self._engine.begin() as db:
                return work(db)
        except BestfillError:
            raise
        except Exception as error:
            raise failure(error) from error
