"""Where rows come from: a database that is only read, in snapshots, while others may be writing to it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from bestfill.errors import StoreError
from bestfill_adapters.settings import Settings
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.sql.rows import Row
from bestfill_adapters.sql.tables import SCHEMA

SELECT_SCHEMA: Final = "SELECT version_num FROM alembic_version"
SELECT_HOLES: Final = """
SELECT user_id, max(events), max(numbers), max(first), max(last), max(counted), max(orders), max(counted_orders) FROM (
  SELECT user_id, count(*) AS events, count(DISTINCT user_seq) AS numbers, min(user_seq) AS first,
    max(user_seq) AS last, 0 AS counted, 0 AS orders, 0 AS counted_orders
  FROM order_events GROUP BY user_id
  UNION ALL SELECT user_id, 0, 0, NULL, NULL, 0, count(*), 0 FROM orders GROUP BY user_id
  UNION ALL SELECT user_id, 0, 0, NULL, NULL, user_seq, 0, orders FROM user_streams
) AS streams
GROUP BY user_id
HAVING max(events) <> max(counted) OR max(numbers) <> max(counted) OR max(orders) <> max(counted_orders)"""
"""The users who have not as many events, numbers of events, or orders, as are counted.

That none of the numbers is above the count is seen with the events' orders.
"""


class Source(Protocol):
    """A store's tables. Ids are compared as the database does; None for one is before, or after, all of them."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """See the tables as they are at one moment, within this context; all that is read must be read in one."""

    @abstractmethod
    def orders(self, after: Any, limit: int) -> list[Row]:
        """Give the next rows of `orders` by their ids, each with the `user_seq` of its user's last event."""

    @abstractmethod
    def events(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give the rows of `order_events` of these orders, each one's together and by `seq`."""

    @abstractmethod
    def attempts(self, after: Any, upto: Any) -> Iterator[Row]:
        """Give the rows of `order_executions` of these orders, each one's together and by number."""

    @abstractmethod
    def holes(self) -> Iterator[Row]:
        """Give what `SELECT_HOLES` finds."""

    @abstractmethod
    def entries(self, after: Any, limit: int) -> list[Row]:
        """Give the next rows of `audit_log` by their numbers."""

    @abstractmethod
    def damage(self) -> Iterator[str]:
        """Say what is wrong with the database itself, as far as it can tell."""

    @abstractmethod
    def close(self) -> None:
        """Let the database go."""


def open_source(settings: Settings) -> Source:
    """Open the database of the settings: PostgreSQL if there is a URL, else the SQLite file.

    Raises:
        StoreError: it can't be read, or its tables are not those of this release.
    """
    if settings.database_url is None:
        from bestfill_adapters.verify.sqlite import SqliteSource

        return SqliteSource(settings.data_dir / DATABASE)
    from bestfill_adapters.verify.postgres import PostgresSource

    return PostgresSource(settings.database_url)


def between(
    column: str, after: Any, upto: Any, mark: Callable[[int, Any], tuple[str, Any]]
) -> tuple[str, Sequence[Any]]:
    """Give the condition that an id is after one and up to another, and its values.

    `mark` gives a bound's place in a statement, and its value there, by its number, from 1 on.
    """
    ends = [(sign, end) for sign, end in ((">", after), ("<=", upto)) if end is not None]
    marked = [(sign, *mark(n, end)) for n, (sign, end) in enumerate(ends, 1)]
    where = " AND ".join(f"{column} {sign} {place}" for sign, place, _ in marked)
    return where or "TRUE", [value for *_, value in marked]


def check_schema(found: list[Row]) -> None:
    """Compare what `SELECT_SCHEMA` gives.

    Raises:
        StoreError: the tables are not those of this release.
    """
    if found != [(SCHEMA,)]:
        has = ", ".join(sorted(str(row[0]) for row in found)) or "none"
        raise StoreError(
            f"this release reads the schema {SCHEMA}, and the database has {has}:"
            " run ./dev migrate, or the release that made it"
        )
