"""The control store of the deployed mode."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bestfill.errors import BestfillError, StoreError
from bestfill_adapters.sql.control.store import SqlControl, failure
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.postgres.session import REACH_S, SETTINGS

T = TypeVar("T")

READERS: Final = 2
WRITERS: Final = 3
"""Few: much of what is written is written by one after the other."""
CALL_S: Final = 3.0
"""How long a caller waits in all, whatever happens, before it hears that there is no answer."""
_CLOSE_S: Final = 1.0
_SETTINGS: Final = SETTINGS | {
    "application_name": "bestfill control",
    "statement_timeout": "2s",
    "lock_timeout": "2s",
    # Whoever stalls in the middle must not stop all others.
    "idle_in_transaction_session_timeout": "3s",
}


class PostgresControl(SqlControl):
    """Control in a migrated database, shared by any number of processes.

    Args:
        url: such as postgresql://user:password@host:5432/name.
    """

    def __init__(self, url: str) -> None:
        address = Address(url)
        # So that whoever asks whether all is halted does not stand behind those who write.
        self._readers, self._writers = _engine(address, READERS), _engine(address, WRITERS)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read what was acknowledged."""
        return await self._bounded(self._readers, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Write on any of the connections that do."""
        return await self._bounded(self._writers, work)

    async def close(self) -> None:
        """Let the connections go."""
        for engine in (self._readers, self._writers):
            self._began(engine.dispose())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)

    async def _bounded(self, engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
        task = self._began(_perform(engine, work))
        try:
            done, _ = await asyncio.wait([task], timeout=CALL_S)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()  # to clean up, it may have to wait for the server once more: not with the caller
            raise StoreError(f"the database did not answer within {CALL_S:g} s")
        try:
            return task.result()
        except BestfillError:
            raise
        except Exception as error:
            raise failure(error) from error

    def _began(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be there any more to look at it


def _engine(address: Address, connections: int) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: address.connect(REACH_S, _SETTINGS),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CALL_S,
        pool_pre_ping=True,  # a connection may have died while nobody used it
    )


async def _perform(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    async with engine.connect() as connection:
        answer = await connection.run_sync(work)
        await connection.commit()
        return answer
