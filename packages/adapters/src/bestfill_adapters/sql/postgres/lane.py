"""Callers whose work is done in groups, over a connection of their own.

There is no timer: the next group is what gathered while the last one was done. So a lone caller waits for nobody, and a
crowd shares one statement, one round trip and one sync to disk.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from bestfill.errors import Conflict, StoreError
from bestfill.ports import Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill_adapters.sql.postgres.session import REACH_S, Lost, Refused, Session

LARGEST: Final = 256
"""How many go in one group at the most."""

_ROUNDS: Final = 5
_PARTS: Final = 4
"""In how many parts a group is tried again that was refused for one of its members."""
_PATIENCE_S: Final = 1.25
"""For how long a group in which some wait for a lock is divided and tried again, while others wait for their turn."""

M = TypeVar("M")
log = logging.getLogger(__name__)


class Done(NamedTuple):
    """A member's answer."""

    value: Any


Verdict: TypeAlias = "Done | StoreError | None"
"""What became of a member: its answer, why it is refused, or None if it has to be written (again)."""


class Work(ABC, Generic[M]):
    """What is done to a group. Every method may be called again with the same members."""

    @abstractmethod
    def key(self, member: M) -> Hashable:
        """Say what a member is about: no two that are about the same go in one group."""

    @abstractmethod
    async def write(self, session: Session, members: Sequence[M]) -> list[Verdict]:
        """Write all members in one transaction; None for a member that nothing was written for.

        Raises:
            Refused: nothing was written.
            Lost: whether anything was written is not known.
        """

    @abstractmethod
    async def judge(self, session: Session, members: Sequence[M], *, in_doubt: bool) -> list[Verdict]:
        """Say, by what is stored, what became of members that nothing was written for.

        Args:
            session: to read by.
            members: of one group.
            in_doubt: an earlier statement with these members may have been done unseen, or may still be.
        """

    @abstractmethod
    def refusal(self, refused: Refused) -> StoreError:
        """Say to a member why the database refused it."""


class _Job(NamedTuple, Generic[M]):
    member: M
    key: Hashable
    future: asyncio.Future[Any]


class _Part(NamedTuple, Generic[M]):
    jobs: list[_Job[M]]
    until: float | None


class Lane(Generic[M]):
    """Takes what waits for it, in the order of its coming but for what must wait for its like, and has it done."""

    def __init__(self, work: Work[M], session: Session, name: str, telemetry: Telemetry = SILENT) -> None:
        self.name = name
        self._work, self._session, self._telemetry = work, session, telemetry
        self._waiting: list[_Job[M]] = []
        self._more = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._open = False
        self._patient_until = 0.0

    def start(self) -> None:
        """Begin to work, on the running loop."""
        self._open = True
        self._more = asyncio.Event()
        self._flusher = asyncio.create_task(self._flush(), name=self.name)

    async def close(self) -> None:
        """Do what waits, then let the connection go."""
        self._open = False
        self._more.set()
        if self._flusher is not None:
            await self._flusher
            self._flusher = None
        await self._session.close()

    async def do(self, member: M, within_s: float | None = None) -> Any:
        """Have one member done. If the caller is cancelled meanwhile, it may be done all the same.

        Args:
            member: what to do.
            within_s: how long to wait for it; what nobody waits for any more is not begun.

        Raises:
            StoreError: it was refused, or what became of it is not known.
        """
        if not self._open:
            raise StoreError("the database is not open")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Job(member, self._work.key(member), future))
        self._more.set()
        if within_s is None:
            return await future
        alarm = loop.call_later(within_s, _give_up, future)
        try:
            return await future
        finally:
            alarm.cancel()

    async def _flush(self) -> None:
        while True:
            if jobs := self._take():
                begun = time.monotonic()
                await self._do(jobs)
                self._telemetry.grouped(self.name, len(jobs), time.monotonic() - begun)
            elif self._open:
                self._more.clear()
                await self._more.wait()
            else:
                return

    async def _do(self, jobs: list[_Job[M]]) -> None:
        """See each job to its end; one that is refused, or waits for a lock, takes no other along."""
        self._patient_until = time.monotonic() + _PATIENCE_S
        parts: deque[_Part[M]] = deque([_Part(jobs, None)])
        while parts:
            part = parts.popleft()
            try:
                parts += await self._settle(part.jobs, part.until)
            except Exception as error:  # the flusher must live on, and every caller hear of it
                log.exception("database group failed", extra={"lane": self.name, "jobs": len(part.jobs)})
                failure = StoreError(f"what became of it is not known ({type(error).__name__})")
                failure.__cause__ = error
                _fail(part.jobs, failure)

    def _take(self) -> list[_Job[M]]:
        """Take the next group: those who have waited longest. None if nobody waits whose caller is still there."""
        group: dict[Hashable, _Job[M]] = {}
        later: list[_Job[M]] = []
        for place, job in enumerate(self._waiting):
            if len(group) == LARGEST:
                later += self._waiting[place:]
                break
            if job.key in group:
                later.append(job)
            elif not job.future.done():  # its caller was cancelled
                group[job.key] = job
        self._waiting = later
        return list(group.values())

    async def _settle(self, jobs: list[_Job[M]], until: float | None) -> list[_Part[M]]:
        """Do these together, or give the parts in which to try again when all others have had their turn.

        Args:
            jobs: what is left of a group.
            until: set when in doubt: an earlier statement may have been done unseen, or may still be under way. Then
                what is stored is looked at first. To write again is harmless at any time, since nothing that is stored
                can be stored again, and whoever writes waits for the locks of an earlier statement.
        """
        error: StoreError = StoreError("the database could not tell what became of it")
        for _ in range(_ROUNDS):
            try:
                await self._round(jobs, in_doubt=until is not None)
            except Refused as refused:
                jobs = _unanswered(jobs)
                if refused.waited and time.monotonic() < self._patient_until:
                    return _divided(jobs, until)
                if refused.one_of_them and len(jobs) > 1:
                    return _divided(jobs, until)
                error = self._work.refusal(refused)
                if until is None and not refused.passing:
                    break
            except Lost as lost:
                error = lost
                self._session.until = until = until or time.monotonic() + REACH_S
                if time.monotonic() >= until:
                    break
            except StoreError as unreachable:
                error = unreachable if until is None else StoreError(f"{unreachable.reason}; it may have been written")
                break
            if not (jobs := _unanswered(jobs)):
                return []
        _fail(jobs, error)
        return []

    async def _round(self, jobs: list[_Job[M]], *, in_doubt: bool) -> None:
        session = self._session
        await session.open()  # that may take long: what nobody waits for any more by then is not written
        if in_doubt and (jobs := _unanswered(jobs)):
            _tell(jobs, await self._work.judge(session, _members(jobs), in_doubt=True))
        if jobs := _unanswered(jobs):
            _tell(jobs, await self._work.write(session, _members(jobs)))
        if jobs := _unanswered(jobs):
            _tell(jobs, await self._work.judge(session, _members(jobs), in_doubt=in_doubt))


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(StoreError("the database does not answer; what became of it is not known"))


def _divided(jobs: list[_Job[M]], until: float | None) -> list[_Part[M]]:
    size = -(-len(jobs) // _PARTS)
    return [_Part(jobs[start : start + size], until) for start in range(0, len(jobs), size or 1)]


def _members(jobs: list[_Job[M]]) -> list[M]:
    return [job.member for job in jobs]


def _unanswered(jobs: list[_Job[M]]) -> list[_Job[M]]:
    return [job for job in jobs if not job.future.done()]


def _tell(jobs: list[_Job[M]], verdicts: Sequence[Verdict]) -> None:
    """Answer those of whom it is known what became of them."""
    for job, verdict in zip(jobs, verdicts, strict=True):
        if verdict is None or job.future.done():  # its caller was cancelled
            continue
        if isinstance(verdict, StoreError):
            job.future.set_exception(verdict)
        else:
            job.future.set_result(verdict.value)


def _fail(jobs: list[_Job[M]], error: StoreError) -> None:
    """Tell each caller, with an error of its own, since whoever raises one adds to it."""
    for job in jobs:
        if not job.future.done():
            own = StoreError(error.reason) if type(error) is not Conflict else Conflict(error.reason)
            own.__cause__ = error.__cause__ or error
            job.future.set_exception(own)
