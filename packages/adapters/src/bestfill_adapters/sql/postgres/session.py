"""One connection to PostgreSQL that comes back by itself, and the errors of the driver in our words."""

import asyncio
import time
from contextlib import suppress
from typing import Final, TypeAlias, cast

import asyncpg
from asyncpg import exceptions as pg

from bestfill.errors import StoreError
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.rows import Row

REACH_S: Final = 1.5
"""For how long to try to reach a server that does not answer."""
CALL_S: Final = 1.8
"""How long a caller waits in all, whatever happens, before it hears that there is no answer."""
ANSWER_S: Final = 5.0
"""How long a statement may take; by then the server itself has given it up."""

WRONG_DATA: Final = "22000"
"""What PostgreSQL calls data that it can't take."""

LOCK_MS: Final = 2_000
"""How long a statement waits for a lock."""

_PAUSE_S: Final = 0.05
SETTINGS: Final = {
    "application_name": "bestfill",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "4s",
    "jit": "off",
    # All statements go by keys. Plans are made once, and must not depend on how full the tables were then.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}

# By the beginning of their SQLSTATE: what ends a connection, and what may pass when one is opened.
_ENDS: Final = ("08", "57P")
_PASSES: Final = ("08", "53", "57P")

Answer: TypeAlias = list[Row]
"""The driver's records are no tuples, but are read like them."""


class Unreachable(StoreError):
    """No connection could be made: nothing was asked of the database."""


class Lost(StoreError):
    """The connection broke before the answer came: whether it was done is not known."""


class Refused(StoreError):
    """The database refused the statement and has undone it; `constraint` names the rule, if it was one.

    `one_of_them`: of many rows it may be one that is to blame. `passing`: the same statement may well pass at once.
    `waited`: somebody else has had a lock for too long. `missing`: a table is not there.
    """

    def __init__(self, reason: str, state: str = "", constraint: str | None = None) -> None:
        super().__init__(reason)
        self.constraint = constraint
        self.waited, self.missing = state == "55P03", state == "42P01"
        # By the beginning of SQLSTATE: wrong data, rules of the tables, limits; rolled back, as in a deadlock.
        self.one_of_them = state.startswith(("22", "23", "54"))
        self.passing = state.startswith("40")


class Session:
    """A connection that is opened when it is needed, for one statement at a time.

    `until`, by `time.monotonic`, is when to give up opening it; in the past, `REACH_S` from when it is begun.

    Args:
        address: of the database.
        lock_ms: how long a statement waits for a lock.
    """

    def __init__(self, address: Address, lock_ms: int = LOCK_MS) -> None:
        self._address = address
        self._settings = SETTINGS | {"lock_timeout": f"{lock_ms}ms"}
        self.until = 0.0
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> asyncpg.Connection:
        """Open the connection, if it is not.

        Raises:
            Unreachable: as it says.
        """
        if self._connection is None or self._connection.is_closed():
            return await self._reach()
        return self._connection

    async def fetch(self, statement: str, *values: object) -> Answer:
        """Run one statement in a transaction of its own.

        Raises:
            Unreachable, Lost, Refused: as they say.
        """
        connection = await self.open()
        try:
            return cast("Answer", await connection.fetch(statement, *values, timeout=ANSWER_S))
        except pg.PostgresError as error:
            if _ends(error) or connection.is_closed():
                self.drop()
                raise Lost(f"the database broke off: {error.args[0]}") from error
            raise _refused(error) from error
        except Exception as error:
            if _unsendable(error):
                raise Refused("a value is not fit for the database", WRONG_DATA) from error
            self.drop()
            raise Lost(f"the connection to the database broke ({type(error).__name__})") from error
        except BaseException:
            self.drop()  # somebody cancelled this task: the answer would be the next statement's
            raise

    async def fetch_again(self, statement: str, *values: object) -> Answer:
        """Run one that may as well be run twice, and run it again if the connection breaks."""
        begun = time.monotonic()
        try:
            return await self.fetch(statement, *values)
        except Lost:
            if time.monotonic() - begun > REACH_S:
                raise  # not a connection that had died unnoticed, but a server that does not answer
            return await self.fetch(statement, *values)

    def drop(self) -> None:
        """Cut the connection at once; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """End the connection, kindly if that goes quickly."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(Exception):
                await connection.close(timeout=1.0)
                return
            connection.terminate()

    async def _reach(self) -> asyncpg.Connection:
        self.drop()
        now = time.monotonic()
        until = self.until if self.until > now else now + REACH_S
        while True:
            try:
                self._connection = await self._address.connect(max(0.1, until - time.monotonic()), self._settings)
            except pg.PostgresError as error:
                reason, later = str(error.args[0]), _sqlstate(error).startswith(_PASSES)
                cause: Exception = error
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - the network's, the system's, the driver's: all the same here
                reason, later, cause = type(error).__name__, True, error
            else:
                return self._connection
            if not later or time.monotonic() + _PAUSE_S >= until:
                raise Unreachable(f"the database can't be reached: {reason}") from cause
            await asyncio.sleep(_PAUSE_S)


def _sqlstate(error: pg.PostgresError) -> str:
    return getattr(error, "sqlstate", None) or ""


def _ends(error: pg.PostgresError) -> bool:
    return _sqlstate(error).startswith(_ENDS) or getattr(error, "severity_en", None) in {"FATAL", "PANIC"}


def _unsendable(error: Exception) -> bool:
    """Whether a value could not even be written as a parameter: for the driver's own errors, both in one."""
    return isinstance(error, UnicodeEncodeError) or (
        isinstance(error, ValueError) and isinstance(error, pg.InterfaceError)
    )


def _refused(error: pg.PostgresError) -> Refused:
    constraint = getattr(error, "constraint_name", None)
    return Refused(f"the database did not do it: {error.args[0]}", _sqlstate(error), constraint)
