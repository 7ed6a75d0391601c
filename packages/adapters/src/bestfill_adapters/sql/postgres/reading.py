"""Reads: a few connections that whoever reads takes in turn, and one that looks up many orders at once."""

import asyncio
from collections.abc import Hashable, Sequence

from bestfill.errors import OrderNotFound, StoreError
from bestfill.units import OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql.postgres import statements as sql
from bestfill_adapters.sql.postgres.lane import Done, Verdict, Work
from bestfill_adapters.sql.postgres.session import Answer, Refused, Session

PATIENCE_S = 2.0
"""How long to wait for a connection that others have."""


class Readers:
    """Connections for statements that may as well be run twice."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._free = list(sessions)
        self._queue: list[asyncio.Future[Session]] = []

    async def fetch(self, statement: str, *values: object) -> Answer:
        """Run one statement.

        Raises:
            StoreError: the database can't be reached or refuses it, or all connections have been taken for too long.
        """
        session = self._free.pop() if self._free else await self._wait()
        try:
            return await session.fetch_again(statement, *values)
        finally:
            self._give_back(session)

    async def close(self) -> None:
        """Let the connections go."""
        for session in self._sessions:
            await session.close()

    async def _wait(self) -> Session:
        future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._queue.append(future)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await future
        except BaseException as error:
            if future in self._queue:
                self._queue.remove(future)
            elif future.done() and not future.cancelled():
                self._give_back(future.result())
            if isinstance(error, TimeoutError):
                raise StoreError("all connections to the database are taken") from error
            raise

    def _give_back(self, session: Session) -> None:
        while self._queue:
            waiting = self._queue.pop(0)
            if not waiting.done():
                waiting.set_result(session)
                return
        self._free.append(session)


class Lookup(Work[tuple[OrderId, object]]):
    """Finds orders by their ids, with as many questions as there are callers in one statement."""

    def key(self, member: tuple[OrderId, object]) -> Hashable:
        """Say which question it is: any number may be about the same order."""
        return member[1]

    async def write(self, session: Session, members: Sequence[tuple[OrderId, object]]) -> list[Verdict]:
        """Read; nothing is written."""
        ids = [rows.order_key(order_id) for order_id, _ in members]
        wanted = "{" + ",".join(set(ids)) + "}"
        found = {row[0]: row for row in await session.fetch_again(sql.SELECT_ORDERS, wanted)}
        return [_order(found.get(order_id)) for order_id in ids]

    async def judge(
        self, session: Session, members: Sequence[tuple[OrderId, object]], *, in_doubt: bool
    ) -> list[Verdict]:
        """Leave it at asking again."""
        return [None] * len(members)

    def refusal(self, refused: Refused) -> StoreError:
        """Say that it can't be read."""
        return refused


def _order(row: Sequence[object] | None) -> Verdict:
    if row is None:
        return OrderNotFound("there is no such order")
    try:
        return Done(rows.to_order(row))  # pyright: ignore[reportArgumentType]
    except Exception as error:  # noqa: BLE001 - one that can't be read must not keep the others from being read
        failure = StoreError("the order's row can't be read")
        failure.__cause__ = error
        return failure
