"""A database file and who may use it."""

import fcntl
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from bestfill.errors import StoreError

DATABASE: Final = "bestfill.sqlite3"
"""The file's name in the data folder."""
BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for a lock that a tool outside this process holds."""


class SqliteFile:
    """One SQLite database: for one process at a time, whose writers take turns by `lock`.

    `durable` says whether what is committed must survive a power cut (a process's death it survives in any case).
    Only benchmarks have a reason to turn it off.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path.absolute()
        self.lock = threading.Lock()
        self._synchronous = "FULL" if durable else "NORMAL"
        self._held: int | None = None

    @property
    def url(self) -> str:
        """The file's address, as SQLAlchemy has it."""
        return URL.create("sqlite", database=str(self.path)).render_as_string()

    def acquire(self) -> None:
        """Keep every other process out, until `release` or until this process ends. Makes the folder if need be.

        Raises:
            StoreError: another process has the file, or the folder can't be used.
        """
        if self._held is not None:
            return
        try:
            # For its owner alone: in it is who trades what.
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"the data folder {self.path.parent} can't be used: {error.strerror}") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(held, 20, 0).decode(errors="replace").strip()
            os.close(held)
            if not isinstance(error, BlockingIOError):
                raise StoreError(f"the data folder {self.path.parent} can't be locked: {error.strerror}") from error
            raise StoreError(
                f"the data folder {self.path.parent} is in use by another process (pid {owner or 'unknown'}):"
                " stop that one first, or use another folder"
            ) from error
        os.ftruncate(held, 0)
        os.pwrite(held, b"%d\n" % os.getpid(), 0)
        self._held = held

    def release(self) -> None:
        """Let other processes in again."""
        if self._held is not None:
            os.close(self._held)  # and the lock goes with it
            self._held = None

    def connect(self, *, readonly: bool = False) -> sqlite3.Connection:
        """Open a connection that any thread may use, one at a time; transactions are begun and ended by hand.

        Raises:
            StoreError: the file can't be opened, or is no database.
        """
        connection = None
        try:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StoreError(f"{self.path} is on a file system that SQLite's write-ahead log can't use")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            if readonly:
                connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            _close(connection)
            raise StoreError(f"the database {self.path} can't be opened: {error}") from error
        except StoreError:
            _close(connection)
            raise
        return connection


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
