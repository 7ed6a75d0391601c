"""Bring a database to the tables of this release."""

import logging
from collections.abc import Iterator
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

_ADVISORY_LOCK: Final = 7_220_131
"""The number that stands for these migrations among PostgreSQL's advisory locks."""


def migrate(url: str) -> None:
    """Make the tables, or bring older ones up to date: all or nothing, and by one process at a time.

    Args:
        url: as SQLAlchemy has it, with a synchronous driver, such as `sqlite:////folder/file.db`.

    Raises:
        StoreError: the database can't be used, is of a newer release, or holds other tables of these names.
    """
    engine = _engine(url)
    try:
        with _alone(engine) as connection, _hushed():
            _upgrade(connection)
    except DBAPIError as error:
        raise StoreError(f"the database can't be migrated: {error.orig}") from error
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(f"the database can't be migrated: {error}") from error


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if newer := found - known:
        raise StoreError(
            f"the database is of a newer release, with the schema {', '.join(sorted(newer))}:"
            " use that release, or another database"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if (now := set(MigrationContext.configure(connection).get_current_heads())) != found:
        log.info("database migrated", extra={"schema": ", ".join(sorted(now))})


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


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that no other process can migrate beside."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


def _engine(url: str) -> Engine:
    try:
        if make_url(url).get_backend_name() != "sqlite":
            return create_engine(url, poolclass=NullPool)
        # Python's driver would begin no transaction before DDL, and elsewhere a deferred one.
        by_hand = {"timeout": OTHERS_TIMEOUT_S, "isolation_level": None}
        engine = create_engine(url, poolclass=NullPool, connect_args=by_hand)
    except (SQLAlchemyError, ImportError, ValueError):
        # Without the cause, which may hold the password.
        raise StoreError("the database's address is malformed, or no driver for it is installed") from None
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
