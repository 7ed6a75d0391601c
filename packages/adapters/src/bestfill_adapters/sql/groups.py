"""Threads with a connection each, that do whatever waits for them as one group.

There is no timer: the next group is what gathered while the last one was done. So a lone caller waits for nobody, and a
crowd shares one transaction and its sync to disk.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from bestfill.errors import BestfillError, StoreError
from bestfill.ports import Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill_adapters.sql.file import SqliteFile

LARGE_GROUP: Final = 1_000
"""A group that has so many waits for no more."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Draft(Protocol):
    """What a group is about to write, gathered so that many rows go in one statement.

    Its methods refuse by a BestfillError, before they change anything. They may be called twice, the first time
    being undone, so they have no effect but on the database.
    """

    def prepare(self, about: Sequence[Any]) -> None:
        """Read at once what the works of a group will ask for; `about` has what `do` was told of each."""

    @abstractmethod
    def flush(self) -> None:
        """Write what is gathered; the transaction goes on."""


D = TypeVar("D", bound=Draft)
S = TypeVar("S")


class _Job(NamedTuple, Generic[S]):
    work: Callable[[S], Any]
    future: asyncio.Future[Any]
    about: Any


class _Answer(NamedTuple):
    value: Any = None
    error: BestfillError | None = None


class _Group(ABC, Generic[S]):
    """A thread and its connection. Whatever goes wrong ends as a StoreError of the jobs, never as the thread's end."""

    def __init__(self, file: SqliteFile, name: str, telemetry: Telemetry) -> None:
        self.file, self.name, self._telemetry = file, name, telemetry
        self._jobs: SimpleQueue[list[_Job[S]] | None] = SimpleQueue()
        self._gathered: list[_Job[S]] = []
        self._gate = threading.Lock()  # nothing may be queued behind the end
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the connection, and begin.

        Raises:
            StoreError: the file can't be opened, or is no database.
        """
        connection = self._connect()
        self._thread = threading.Thread(target=self._run, args=(connection,), name=self.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Do what is queued, then end."""
        with self._gate:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._hand_over()
                self._jobs.put(None)
        if thread is not None:
            thread.join()

    async def do(self, work: Callable[[S], T], about: Any = None) -> T:
        """Have some work done. If the caller is cancelled meanwhile, it may be done all the same.

        Args:
            work: what to do.
            about: what it will ask for, so that a group's questions are put at once.

        Raises:
            StoreError: it failed; or whatever BestfillError the work raised to refuse.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._gate:
            if self._thread is None:
                raise StoreError("the database is not open")
            # One hand-over for all that this turn of the loop brings: each wakes the thread, which then takes the
            # interpreter from the loop.
            if not self._gathered:
                loop.call_soon(self._turn_ended)
            self._gathered.append(_Job(work, future, about))
        return await future

    def _turn_ended(self) -> None:
        with self._gate:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._jobs.put(gathered)

    @abstractmethod
    def _connect(self) -> sqlite3.Connection: ...

    @abstractmethod
    def _perform(self, connection: sqlite3.Connection, jobs: list[_Job[S]]) -> list[_Answer]: ...

    def _run(self, connection: sqlite3.Connection) -> None:
        while jobs := self._take():
            begun = time.perf_counter()
            try:
                answers = self._perform(connection, jobs)
            except Exception as error:  # noqa: BLE001 - the thread must live on, and every caller hear of it
                answers = [_Answer(error=_failure(error)) for _ in jobs]
                log.error("database failed", extra={"lane": self.name, "jobs": len(jobs), "reason": str(error)})
            _deliver(jobs, answers)
            self._telemetry.grouped(self.name, len(jobs), time.perf_counter() - begun)
        connection.close()

    def _take(self) -> list[_Job[S]]:
        """Wait for the first jobs, and take all others that are there; none at the end."""
        some = self._jobs.get()
        jobs: list[_Job[S]] = []
        while some is not None:
            jobs += some
            if len(jobs) >= LARGE_GROUP:
                return jobs
            try:
                some = self._jobs.get_nowait()
            except Empty:
                return jobs
        if jobs:
            self._jobs.put(None)  # the end, for the next round
        return jobs


class GroupWriter(_Group[D]):
    """Writes each group in one transaction; a work that fails, or refuses, takes no other along.

    A caller's answer comes after the commit, so what it hears of is on disk.
    """

    def __init__(
        self,
        file: SqliteFile,
        name: str,
        draft: Callable[[sqlite3.Connection], D],
        telemetry: Telemetry = SILENT,
    ) -> None:
        super().__init__(file, name, telemetry)
        self._draft = draft

    def _connect(self) -> sqlite3.Connection:
        return self.file.connect()

    def _perform(self, connection: sqlite3.Connection, jobs: list[_Job[D]]) -> list[_Answer]:
        with self.file.lock:
            try:
                return self._together(connection, jobs)
            except _Spoiled:
                return self._apart(connection, jobs)

    def _together(self, connection: sqlite3.Connection, jobs: list[_Job[D]]) -> list[_Answer]:
        answers: list[_Answer] = []
        with _transaction(connection, "BEGIN IMMEDIATE"):
            draft = self._draft(connection)
            try:
                draft.prepare([job.about for job in jobs if job.about is not None])
                for job in jobs:
                    try:
                        answers.append(_Answer(job.work(draft)))
                    except BestfillError as refusal:
                        answers.append(_Answer(error=refusal))
                draft.flush()
            except Exception as error:
                raise _Spoiled from error
        return answers

    def _apart(self, connection: sqlite3.Connection, jobs: list[_Job[D]]) -> list[_Answer]:
        answers: list[_Answer] = []
        with _transaction(connection, "BEGIN IMMEDIATE"):
            for job in jobs:
                connection.execute("SAVEPOINT job")
                try:
                    draft = self._draft(connection)
                    answer = _Answer(job.work(draft))
                    draft.flush()
                except Exception as error:
                    if not connection.in_transaction:
                        raise  # SQLite itself has undone the whole of it
                    connection.execute("ROLLBACK TO job")
                    answer = _Answer(error=_failure(error))
                connection.execute("RELEASE job")
                answers.append(answer)
        return answers


class GroupReader(_Group[sqlite3.Connection]):
    """Reads for each group from one snapshot, which holds whatever was acknowledged before the group was taken."""

    def __init__(self, file: SqliteFile, name: str, telemetry: Telemetry = SILENT) -> None:
        super().__init__(file, name, telemetry)

    def _connect(self) -> sqlite3.Connection:
        return self.file.connect(readonly=True)

    def _perform(self, connection: sqlite3.Connection, jobs: list[_Job[sqlite3.Connection]]) -> list[_Answer]:
        answers: list[_Answer] = []
        with _transaction(connection, "BEGIN"):
            for job in jobs:
                try:
                    answers.append(_Answer(job.work(connection)))
                except Exception as error:  # noqa: BLE001 - whatever it is, it must not spoil the others
                    answers.append(_Answer(error=_failure(error)))
        return answers


class _Spoiled(Exception):
    """A work broke off in the middle: the whole group must be undone."""


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    try:
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _failure(error: Exception) -> BestfillError:
    if isinstance(error, BestfillError):
        return error
    said = f": {error}" if isinstance(error, sqlite3.Error) else f" ({type(error).__name__})"
    failure = StoreError(f"the database did not do it{said}")
    failure.__cause__ = error
    return failure


def _deliver(jobs: list[_Job[Any]], answers: list[_Answer]) -> None:
    waiting: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Answer]]] = defaultdict(list)
    for job, answer in zip(jobs, answers, strict=True):
        waiting[job.future.get_loop()].append((job.future, answer))
    for loop, settled in waiting.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: list[tuple[asyncio.Future[Any], _Answer]]) -> None:
    for future, (value, error) in settled:
        if future.done():  # its caller was cancelled
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
