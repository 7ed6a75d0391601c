"""Rows of a SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table

from bestfill.errors import StoreError
from bestfill_adapters.sql.file import BUSY_TIMEOUT_S
from bestfill_adapters.sql.rows import Row
from bestfill_adapters.sql.tables import audit_log, order_events, order_executions, orders
from bestfill_adapters.verify.sources import SELECT_HOLES, SELECT_SCHEMA, Source, between, check_schema

# All that is put together here are names of tables and columns.
# ruff: noqa: S608

_MOST_DAMAGE: Final = 20


def _columns(table: Table) -> str:
    return ", ".join(f'"{c.name}"' for c in table.c)


_ORDERS: Final = (
    f"SELECT {_columns(orders)}, (SELECT s.user_seq FROM user_streams AS s WHERE s.user_id = orders.user_id)"
    " FROM orders WHERE {0} ORDER BY id LIMIT ?"
)
_EVENTS: Final = f"SELECT {_columns(order_events)} FROM order_events WHERE {{0}} ORDER BY order_id, seq"
_ATTEMPTS: Final = f"SELECT {_columns(order_executions)} FROM order_executions WHERE {{0}} ORDER BY order_id, attempt"
_ENTRIES: Final = f"SELECT {_columns(audit_log)} FROM audit_log WHERE {{0}} ORDER BY seq LIMIT ?"


class SqliteSource(Source):
    """A database file, which a running system may be writing to.

    Text is read as it is, even where it is none: what is not UTF-8 becomes lone surrogates.

    Raises:
        StoreError: the file can't be read, or its tables are not those of this release.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise StoreError(f"there is no database {path}: set BESTFILL_DATA_DIR to the folder that has one")
        with _told(path):
            self._path = path
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.text_factory = lambda data: data.decode(errors="surrogateescape")
            check_schema(self._db.execute(SELECT_SCHEMA).fetchall())

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment."""
        with _told(self._path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    def orders(self, after: Any, limit: int) -> list[Row]:
        """Give orders."""
        where, values = between("id", after, None, _marked)
        return self._db.execute(_ORDERS.format(where), (*values, limit)).fetchall()

    def events(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give events."""
        where, values = between("order_id", after, upto, _marked)
        return self._db.execute(_EVENTS.format(where), values)

    def attempts(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give attempts."""
        where, values = between("order_id", after, upto, _marked)
        return self._db.execute(_ATTEMPTS.format(where), values)

    def holes(self) -> Iterator[Row]:
        """Find holes."""
        return self._db.execute(SELECT_HOLES)

    def entries(self, after: Any, limit: int) -> list[Row]:
        """Give entries of the audit log."""
        where, values = between("seq", after, None, _marked)
        return self._db.execute(_ENTRIES.format(where), (*values, limit)).fetchall()

    def damage(self) -> Iterator[str]:
        """Hold the tables against their indexes and rules: what an index tells may not be what the row holds."""
        for (said,) in self._db.execute(f"PRAGMA integrity_check({_MOST_DAMAGE})"):
            if said != "ok":
                yield said

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _marked(_: int, key: Any) -> tuple[str, Any]:
    # Text by its bytes, which may be no UTF-8.
    return ("CAST(? AS TEXT)", key.encode(errors="surrogateescape")) if isinstance(key, str) else ("?", key)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the database {path} can't be read: {error}") from error
