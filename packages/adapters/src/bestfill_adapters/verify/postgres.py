"""Rows of a PostgreSQL database."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import asyncpg
from asyncpg.cursor import Cursor

from bestfill.errors import StoreError
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.postgres.statements import selected
from bestfill_adapters.sql.rows import Row
from bestfill_adapters.sql.tables import audit_log, order_events, order_executions, orders
from bestfill_adapters.verify.sources import SELECT_HOLES, SELECT_SCHEMA, Source, between, check_schema

# All that is put together here are names of tables and columns.
# ruff: noqa: S608

CONNECT_S: Final = 10.0
ANSWER_S: Final = 600.0
"""How long to wait for some rows: finding holes takes the server a while."""

_SETTINGS: Final = {
    "application_name": "bestfill verify",
    "default_transaction_read_only": "on",
    "jit": "off",
    # Pages go by keys, however little the server knows about the tables.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
_AT_ONCE: Final = 1_000
_LEAST: Final = -(2**63)

T = TypeVar("T")

_ORDERS: Final = (
    f"SELECT {selected(orders, 'o')}, (SELECT s.user_seq FROM user_streams AS s WHERE s.user_id = o.user_id)"
    " FROM orders AS o WHERE {0} ORDER BY o.id LIMIT {1}"
)
_EVENTS: Final = f"SELECT {selected(order_events, 'e')} FROM order_events AS e WHERE {{0}} ORDER BY e.order_id, e.seq"
_ATTEMPTS: Final = (
    f"SELECT {selected(order_executions, 'a')} FROM order_executions AS a WHERE {{0}} ORDER BY a.order_id, a.attempt"
)
_ENTRIES: Final = f"SELECT {selected(audit_log, 'l')} FROM audit_log AS l WHERE l.seq > $1 ORDER BY l.seq LIMIT $2"


class PostgresSource(Source):
    """A database, by a connection of its own that can't write. No event loop may be running in this thread.

    Raises:
        StoreError: the database can't be reached, or its tables are not those of this release.
    """

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        try:
            with _told("reached"):
                self._connection = self._run(Address(url).connect(CONNECT_S, _SETTINGS))
        except BaseException:
            self._runner.close()
            raise
        try:
            with self.snapshot():
                check_schema([tuple(row) for row in self._rows(SELECT_SCHEMA)])
        except BaseException:
            self.close()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment: not for longer than a page takes, since the server keeps for us what others delete."""
        with _told("read"):
            moment = self._connection.transaction(isolation="repeatable_read", readonly=True)
            self._run(moment.start())
            try:
                yield
            finally:
                if not self._connection.is_closed():
                    self._run(moment.rollback())

    def orders(self, after: Any, limit: int) -> list[Row]:
        """Give orders."""
        where, values = between("o.id", after, None, _marked)
        return list(self._rows(_ORDERS.format(where, limit), *values))

    def events(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give events."""
        where, values = between("e.order_id", after, upto, _marked)
        return self._rows(_EVENTS.format(where), *values)

    def attempts(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give attempts."""
        where, values = between("a.order_id", after, upto, _marked)
        return self._rows(_ATTEMPTS.format(where), *values)

    def holes(self) -> Iterator[Row]:
        """Find holes."""
        return self._rows(SELECT_HOLES)

    def entries(self, after: Any, limit: int) -> list[Row]:
        """Give entries of the audit log."""
        return [tuple(row) for row in self._rows(_ENTRIES, _LEAST if after is None else after, limit)]

    def damage(self) -> Iterator[str]:
        """Leave it to the server, which has checksums of its pages."""
        return iter(())

    def close(self) -> None:
        """Cut the connection."""
        self._connection.terminate()
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def _rows(self, statement: str, *values: Any) -> Iterator[Row]:
        cursor = self._run(self._cursor(statement, *values))
        while some := self._run(cursor.fetch(_AT_ONCE, timeout=ANSWER_S)):
            yield from some

    async def _cursor(self, statement: str, *values: Any) -> Cursor:
        return await self._connection.cursor(statement, *values)


def _marked(n: int, key: Any) -> tuple[str, Any]:
    return f"${n}::text::uuid", key


@contextmanager
def _told(done: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise StoreError(f"the database can't be {done}: {error.args[0]}") from error
    except (OSError, asyncpg.InterfaceError) as error:  # a timeout is an OSError
        raise StoreError(f"the database can't be {done} ({type(error).__name__})") from error
