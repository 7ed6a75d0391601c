"""Bring a database to the tables of this release."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, func, make_url, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bestfill.errors import StoreError

log = logging.getLogger(__name__)

SCRIPTS: Final = "bestfill_adapters.sql:migrations"
OTHERS_TIMEOUT_S: Final = 60.0
"""How long to wait for another process that migrates the same SQLite file."""
CONNECT_TIMEOUT_S: Final = 10.0

_ADVISORY_LOCK: Final = 7_220_131
"""The number that stands for these migrations among PostgreSQL's advisory locks."""


def migrate(url: str) -> bool:
    """Make the tables, or bring older ones up to date: all or nothing, and by one process at a time.

    Returns whether there was anything to do.

    Args:
        url: of a file, such as `sqlite:////folder/file.db`, or of a server, such as
            `postgresql://user:password@host:5432/name`.

    Raises:
        StoreError: the database can't be used, is of a newer release, or holds other tables of these names.
    """
    with _told():
        if url.startswith("postgres"):
            # A thread of its own, since the caller's may have a running event loop.
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(asyncio.run, _migrate_server(url)).result()
        with _file_engine(url).begin() as connection:
            return _upgrade(connection)


async def _migrate_server(url: str) -> bool:
    from sqlalchemy.ext.asyncio import create_async_engine

    from bestfill_adapters.sql.postgres.address import Address

    address = Address(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=lambda: address.connect(CONNECT_TIMEOUT_S, {"application_name": "bestfill migrate"}),
    )
    async with engine.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))  # or wait for who has it
        return await connection.run_sync(_upgrade)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@contextmanager
def _told() -> Iterator[None]:
    """Say what went wrong in words of our own, and nothing of an address."""
    try:
        with _hushed():
            yield
    except DBAPIError as error:
        raise StoreError(f"the database can't be migrated: {error.orig}") from error
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(f"the database can't be migrated: {error}") from error
    except OSError as error:
        raise StoreError(f"the database can't be reached: {error.strerror or type(error).__name__}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "asyncpg":
            raise
        raise StoreError(f"the database can't be migrated: {error}") from error


def _upgrade(connection: Connection) -> bool:
    config = _config()
    known = {script.revision for script in _scripts().walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if newer := found - known:
        raise StoreError(
            f"the database is of a newer release, with the schema {', '.join(sorted(newer))}:"
            " use that release, or another database"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    now = set(MigrationContext.configure(connection).get_current_heads())
    if now != found:
        log.info("database migrated", extra={"schema": ", ".join(sorted(now))})
    return now != found


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep Alembic's remarks on itself out of the application's log, whatever that is set to."""

    def worth_hearing(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    talker = logging.getLogger("alembic.runtime.migration")
    talker.addFilter(worth_hearing)
    try:
        yield
    finally:
        talker.removeFilter(worth_hearing)


def _file_engine(url: str) -> Engine:
    try:
        if make_url(url).get_backend_name() != "sqlite":
            raise ValueError("neither SQLite nor PostgreSQL")
        # Python's driver would begin no transaction before DDL, and elsewhere a deferred one.
        by_hand = {"timeout": OTHERS_TIMEOUT_S, "isolation_level": None}
        engine = create_engine(url, poolclass=NullPool, connect_args=by_hand)
    except (SQLAlchemyError, ImportError, ValueError):
        # Without the cause, which may hold the password.
        raise StoreError("the database's address is malformed, or is of neither SQLite nor PostgreSQL") from None
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
