"""Where the embedded mode keeps its orders: a folder with an SQLite file, which a running engine may have in use."""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bestfill_adapters.settings import Settings
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.sql.tables import SCHEMA
from bestfill_adapters.verify.sources import SELECT_SCHEMA
from bestfill_cli.doctor.check import Check, ok, warn, wrong

FREE_MIN_MB: Final = 200
"""With less than this free, a disk is soon full."""
_BUSY_S: Final = 2.0
_ELSEWHERE: Final = "set BESTFILL_DATA_DIR to a folder that this user may write to"


def look(settings: Settings) -> Sequence[Check]:
    """Look at the folder, and at the file in it."""
    folder = settings.data_dir.absolute()
    there = _nearest(folder)
    if not there.is_dir():
        return [wrong("data folder", f"{there} is no folder", _ELSEWHERE)]
    if not os.access(there, os.W_OK | os.X_OK):
        return [wrong("data folder", f"{there} can't be written to", _ELSEWHERE)]
    if there != folder:
        return [ok("data folder", f"{folder}: not there yet; the engine makes it when it starts")]
    return [_room(folder), _file(folder / DATABASE)]


def _nearest(folder: Path) -> Path:
    """Give the folder, or of those that it is in the nearest that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _room(folder: Path) -> Check:
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < FREE_MIN_MB:
        return warn("data folder", f"{folder}: {free_mb} MB are free", "make room: without any, no order is accepted")
    return ok("data folder", f"{folder}: can be written to, {free_mb:,} MB are free")


def _file(path: Path) -> Check:
    if not path.exists():
        return ok("database", f"{path.name}: not there yet; the engine makes it when it starts")
    try:
        schema = _schema(path)
    except (sqlite3.Error, OSError) as error:
        return wrong(
            "database", f"{path.name} can't be read: {error}", "restore it from a backup, or use another folder"
        )
    if schema == SCHEMA:
        return ok("database", f"{path.name}: has the tables of this release, schema {SCHEMA}")
    if schema > SCHEMA:
        return wrong("database", f"{path.name}: is of a newer release, schema {schema}", "use that release")
    detail = f"{path.name}: has the schema {schema or 'none'}, this release has {SCHEMA}"
    return warn("database", detail, "start the engine, or run ./dev migrate: it is brought up to date")


def _schema(path: Path) -> str:
    """Read the schema's number. A file without a log is read as one that can't change, or SQLite would make a log."""
    used = path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'' if used else '&immutable=1'}"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_S)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        row = connection.execute(SELECT_SCHEMA).fetchone()
        return str(row[0]) if row else ""
    finally:
        connection.close()
