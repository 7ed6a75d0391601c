"""Reads: a few connections that whoever reads takes in turn, and one that looks up many orders at once."""

import asyncio
from collections.abc import Hashable, Sequence

from bestfill.errors import OrderNotFound, StoreError
from bestfill.order import Order
from bestfill.units import OrderId
from bestfill_adapters.sql import rows
from bestfill_adapters.sql.postgres import statements as sql
from bestfill_adapters.sql.postgres.lane import Done, Verdict, Work
from bestfill_adapters.sql.postgres.session import CALL_S, Answer, Refused, Session


class Readers:
    """Connections for statements that may as well be run twice."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._free = list(sessions)
        self._queue: list[asyncio.Future[Session]] = []
        self._open = False

    def start(self) -> None:
        """Let statements be run from now on."""
        self._open = True

    def use(self) -> tuple[int, int, int]:
        """Say how many connections are taken and free, and how many callers wait for one."""
        free = len(self._free)
        return len(self._sessions) - free, free, len(self._queue)

    async def fetch(self, statement: str, *values: object, within_s: float | None = None) -> Answer:
        """Run one statement within so many seconds (`CALL_S`), a wait for a connection that others have included.

        Raises:
            StoreError: the database can't be reached, refuses it or does not answer, or all connections were taken.
        """
        if not self._open:
            raise StoreError("the database is not open")
        session: Session | None = None
        try:
            async with asyncio.timeout(CALL_S if within_s is None else within_s):
                session = await self._take()
                return await session.fetch_again(statement, *values)
        except TimeoutError as error:
            taken = "all connections to the database are taken"
            raise StoreError(taken if session is None else "the database does not answer") from error
        finally:
            if session is not None:
                self._give_back(session)

    async def close(self) -> None:
        """Finish what is being read, and let the connections go."""
        self._open = False
        for _ in self._sessions:
            await (await self._take()).close()
        self._free = list(self._sessions)

    async def _take(self) -> Session:
        if self._free:
            return self._free.pop()
        future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._queue.append(future)
        try:
            return await future
        except BaseException:
            if future in self._queue:
                self._queue.remove(future)
            elif future.done() and not future.cancelled():
                self._give_back(future.result())
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
        return [_found(found.get(order_id)) for order_id in ids]

    async def judge(
        self, session: Session, members: Sequence[tuple[OrderId, object]], *, in_doubt: bool
    ) -> list[Verdict]:
        """Leave it at asking again."""
        return [None] * len(members)

    def refusal(self, refused: Refused) -> StoreError:
        """Say that it can't be read."""
        return refused


def to_order(row: rows.Row) -> Order | StoreError:
    """Read a row, or say that it can't be read, which must not keep the others of a group from being read."""
    try:
        return rows.to_order(row)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        failure = StoreError("the order's row can't be read")
        failure.__cause__ = error
        return failure


def _found(row: rows.Row | None) -> Verdict:
    if row is None:
        return OrderNotFound("there is no such order")
    order = to_order(row)
    return order if isinstance(order, StoreError) else Done(order)
