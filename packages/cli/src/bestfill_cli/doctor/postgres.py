"""PostgreSQL: whether it answers, is new enough, keeps what it was told, and has the tables of this release."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from bestfill.errors import StoreError
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.tables import SCHEMA
from bestfill_adapters.verify.sources import SELECT_SCHEMA
from bestfill_cli.doctor.check import Check, ok, warn, wrong

OLDEST: Final = 14
REACH_S: Final = 4.0
_SETTINGS: Final = {
    "application_name": "bestfill doctor",
    "default_transaction_read_only": "on",
    "statement_timeout": "3s",
    "lock_timeout": "1s",
}
_ASK: Final = """
SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  current_setting('synchronous_commit') AS synchronous_commit, pg_is_in_recovery() AS standby,
  to_regclass('alembic_version') IS NOT NULL AS has_tables"""


def look(url: str) -> Sequence[Check]:
    """Look at the server and at the database."""
    try:
        return asyncio.run(_look(url))
    except StoreError as error:
        return [_away(error.reason)]
    except asyncpg.PostgresError as error:
        return [_away(f"it answers: {error.args[0]}")]
    except (OSError, asyncpg.InterfaceError) as error:  # a timeout is an OSError
        return [_away(f"it can't be reached ({type(error).__name__})")]


async def _look(url: str) -> list[Check]:
    connection = await Address(url).connect(REACH_S, _SETTINGS)
    try:
        told = await connection.fetchrow(_ASK, timeout=REACH_S)
        assert told is not None  # noqa: S101 - a SELECT without FROM gives a row
        schemas = await connection.fetch(SELECT_SCHEMA, timeout=REACH_S) if told["has_tables"] else []
    finally:
        connection.terminate()
    return [_version(told), _kept(told), _tables(sorted(str(row[0]) for row in schemas))]


def _version(told: Any) -> Check:
    if told["standby"]:
        return wrong("PostgreSQL", "it is a standby, which takes no orders", "name the primary in DATABASE_URL")
    if told["number"] < OLDEST * 10_000:
        return wrong("PostgreSQL", f"{told['version']} is too old", f"use PostgreSQL {OLDEST} or newer")
    return ok("PostgreSQL", f"{told['version']} answers")


def _kept(told: Any) -> Check:
    off = [name for name in ("fsync", "full_page_writes") if told[name] != "on"]
    off += ["synchronous_commit"] if told["synchronous_commit"] == "off" else []
    if off:
        detail = f"{', '.join(off)} off: a power cut can undo what was accepted, and lead to a second swap"
        return wrong("durability", detail, f"turn {' and '.join(off)} on")
    if told["synchronous_commit"] == "local":
        detail = "synchronous_commit is local: a standby that takes over may lack what was accepted"
        return warn("durability", detail, "set synchronous_commit to on, if there is a standby")
    return ok("durability", f"fsync on, synchronous_commit {told['synchronous_commit']}")


def _tables(schemas: list[str]) -> Check:
    if schemas == [SCHEMA]:
        return ok("tables", f"those of this release, schema {SCHEMA}")
    if not schemas:
        return wrong("tables", "there are none", "run ./dev migrate")
    detail = f"the schema is {', '.join(schemas)}, this release has {SCHEMA}"
    newer = max(schemas) > SCHEMA
    return wrong("tables", detail, "use the newer release" if newer else "run ./dev migrate")


def _away(detail: str) -> Check:
    return wrong("PostgreSQL", detail, "see that it runs, and that DATABASE_URL names its host, user and database")
