"""Tells the audit log what happens here, and keeps nobody waiting for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

from bestfill.audit import AuditFact
from bestfill.errors import BestfillError
from bestfill.ports import Clock, ControlStore, Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill.units import Millis

ROOM: Final = 10_000
"""So many facts wait at most; a database that is away for longer costs some, and the log says how many."""
GROUP: Final = 500
PAUSE_S: Final = 0.5
"""How long facts gather between two groups: each costs the database a commit, beside those of the orders."""
RETRY_MS: Final = 1_000
FLUSH_S: Final = 5.0

log = logging.getLogger(__name__)


class Auditor:
    """Stores a fact at once, and those that gather within PAUSE_S after it as one group; in their order.

    So a fact is stored a moment after it is noted: what a crash cuts off is lost, and what the database took without
    saying so stands twice. A change that must not be without its fact has it written by the control store itself.

    Args:
        control: keeps the log.
        clock: tells when something happened.
        room: how many facts may wait.
        telemetry: hears of those that are lost.
    """

    def __init__(self, control: ControlStore, clock: Clock, room: int = ROOM, telemetry: Telemetry = SILENT) -> None:
        self._control, self._clock, self._room, self._telemetry = control, clock, room, telemetry
        self._waiting: deque[tuple[Millis, str, str, str, str, Mapping[str, str]]] = deque()
        self._dropped = 0
        self._noted, self._stored, self._closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many facts are not stored yet."""
        return len(self._waiting)

    def note(self, actor: str, origin: str, action: str, subject: str, detail: Mapping[str, str] | None = None) -> None:
        """Have a fact of now stored soon; see AuditFact for what the names mean."""
        if len(self._waiting) >= self._room:
            self._dropped += 1
            self._telemetry.unaudited(1)
            return
        self._append(actor, origin, action, subject, detail or {})

    def start(self) -> None:
        """Store what is noted, from now on."""
        self._task = asyncio.create_task(self._keep_storing())

    async def close(self, within_s: float = FLUSH_S) -> None:
        """Store what waits, if that can be done in this time, and end."""
        task, self._task = self._task, None
        if task is None:
            return
        self._closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._waiting:
                    self._stored.clear()
                    await self._stored.wait()
        task.cancel()
        await asyncio.wait([task])
        if left := len(self._waiting) + self._dropped:
            log.error("facts are missing in the audit log", extra={"facts": left})

    async def _keep_storing(self) -> None:
        while True:
            self._noted.clear()
            if not self._waiting:
                await self._noted.wait()
            group = [*islice(self._waiting, GROUP)]
            try:
                await self._control.record([_fact(*noted) for noted in group])
            except Exception as error:  # noqa: BLE001 - whatever it is, the facts must not be lost for it
                reason = error.reason if isinstance(error, BestfillError) else type(error).__name__
                log.warning("audit log not written; trying again", extra={"facts": len(group), "reason": reason})
                await self._clock.sleep_until(Millis(self._clock.now() + RETRY_MS))
                continue
            for _ in group:
                self._waiting.popleft()
            if dropped := self._dropped:
                self._dropped = 0
                log.error("facts were dropped from the audit log", extra={"facts": dropped})
                self._append("auditor", "", "audit.drop", "facts", {"count": str(dropped)})
            self._stored.set()
            if len(self._waiting) < GROUP:
                await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                await self._closing.wait()

    def _append(self, actor: str, origin: str, action: str, subject: str, detail: Mapping[str, str]) -> None:
        self._waiting.append((self._clock.now(), actor, origin, action, subject, detail))
        self._noted.set()


def _fact(at: Millis, actor: str, origin: str, action: str, subject: str, detail: Mapping[str, str]) -> AuditFact:
    return AuditFact(at=at, actor=actor, origin=origin, action=action, subject=subject, detail=detail)
