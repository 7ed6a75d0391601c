"""The control store on a database, whichever it is."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, TextClause, inspect, text
from sqlalchemy.exc import DBAPIError

from bestfill.access import ApiKey
from bestfill.audit import AuditEntry, AuditFact
from bestfill.errors import StoreError
from bestfill.ports import ControlStore, Halt, Reservation
from bestfill.units import Millis, Mint
from bestfill_adapters.sql.control import statements
from bestfill_adapters.sql.tables import SCHEMA

T = TypeVar("T")
_SELECT_SCHEMA: Final[TextClause] = text("SELECT version_num FROM alembic_version")


class SqlControl(ControlStore):
    """Tables beside the orders', on connections of its own. One event loop at a time may call it."""

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """Have something read.

        Raises:
            StoreError: it failed; or whatever BestfillError the work raised.
        """

    @abstractmethod
    async def write(self, work: Callable[[Connection], T]) -> T:
        """Have something done in one transaction, which is undone if the work raises.

        Raises:
            StoreError: it failed; or whatever BestfillError the work raised to refuse.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what is begun, and let the database go."""

    async def start(self) -> None:
        """See that the tables are there.

        Raises:
            StoreError: the database can't be reached, or its tables are not those of this release.
        """
        try:
            await self.read(_check_schema)
        except BaseException:
            await self.close()
            raise

    async def add_key(self, key: ApiKey, fact: AuditFact) -> None:
        """Keep a new key."""
        await self.write(lambda db: statements.add_key(db, key, fact))

    async def keys(self, key_ids: Sequence[str]) -> dict[str, ApiKey]:
        """Give these keys."""
        return await self.read(lambda db: statements.keys(db, key_ids))

    async def all_keys(self) -> list[ApiKey]:
        """Give every key, oldest first."""
        return await self.read(statements.all_keys)

    async def end_key(self, key_id: str, at: Millis, fact: AuditFact) -> ApiKey:
        """Revoke a key."""
        return await self.write(lambda db: statements.end_key(db, key_id, at, fact))

    async def halt(self) -> Halt | None:
        """Give what halts the engine."""
        return await self.read(statements.halt)

    async def set_halt(self, halt: Halt | None, fact: AuditFact) -> None:
        """Halt the engine, or let it go on."""
        await self.write(lambda db: statements.set_halt(db, halt, fact))

    async def reserve(self, order: Reservation, most: int) -> bool:
        """Count an order into its user's day, unless that was done."""
        return await self.write(lambda db: statements.reserve(db, order, most))

    async def release(self, order: Reservation) -> None:
        """Take an order off its day for good."""
        await self.write(lambda db: statements.release(db, order))

    async def reserved(self, user_id: str, day: int, mint: Mint) -> int:
        """Give what a user's orders sell of a token on a day."""
        return await self.read(lambda db: statements.reserved(db, user_id, day, mint))

    async def record(self, facts: Sequence[AuditFact]) -> None:
        """Append facts to the audit log."""
        if facts:
            await self.write(lambda db: statements.record(db, facts))

    async def entries(self, since: int = 0, limit: int = 1_000) -> list[AuditEntry]:
        """Give entries of the audit log."""
        return await self.read(lambda db: statements.entries(db, since, limit))


def failure(error: Exception) -> StoreError:
    """Tell in our words why a work failed."""
    said = f": {error.orig}" if isinstance(error, DBAPIError) else f" ({type(error).__name__})"
    return StoreError(f"the database did not do it{said}")


def _check_schema(db: Connection) -> Any:
    if not inspect(db).has_table("alembic_version"):
        raise StoreError("the database has no tables yet: run ./dev migrate")
    found = {row[0] for row in db.execute(_SELECT_SCHEMA)}
    if found != {SCHEMA}:
        has = ", ".join(sorted(found)) or "none"
        raise StoreError(
            f"this release needs the schema {SCHEMA}, and the database has {has}:"
            " run ./dev migrate, or the release that made it"
        )
