"""The kill switch, as one process sees it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from bestfill.engine.asking import unexpected
from bestfill.errors import BestfillError
from bestfill.ports import ControlStore, Halt

POLL_S: Final = 0.25
SILENCE_S: Final = 1.0
"""What was asked so long ago says nothing any more: somebody may have halted the engine since."""
ANSWER_S: Final = 4.0

log = logging.getLogger(__name__)


class Switch:
    """Looks four times a second whether the engine is halted.

    Who signs asks `halted`. That it is, too, while nobody can tell: before the first answer, and when the last question
    that was answered is over a second old. Who accepts orders asks `halt`, which is what was last heard: an order that
    is accepted in a moment of silence only waits, and with the store away none is.

    Args:
        control: where operators halt the engine.
        now: gives seconds, and is never set back.
        sleep: waits so many of them.
    """

    def __init__(
        self,
        control: ControlStore,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._control, self._now, self._sleep = control, now, sleep
        self._heard: tuple[Halt | None, float] | None = None
        """What was heard last, and when it was asked for; put in place whole, since other threads may look."""
        self._silent = False
        self._listeners: list[Callable[[], None]] = []
        self._polling: asyncio.Task[None] | None = None

    @property
    def halt(self) -> Halt | None:
        """What halts the engine, as far as was last heard."""
        return None if (heard := self._heard) is None else heard[0]

    @property
    def halted(self) -> bool:
        """Whether nothing may be signed now."""
        heard = self._heard
        return heard is None or heard[0] is not None or self._now() - heard[1] > SILENCE_S

    def on_resume(self, listener: Callable[[], None]) -> None:
        """Have something called each time that orders may be signed again."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Look once, and from now on. If nobody answers yet, the engine is halted until somebody does."""
        await self.look()
        self._polling = asyncio.create_task(self.poll())

    async def close(self) -> None:
        """Look no more: from now on it is halted."""
        self._heard = None
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling

    async def look(self) -> None:
        """Ask once; whatever goes wrong is only noted, since silence halts by itself."""
        asked_at = self._now()
        try:
            async with asyncio.timeout(ANSWER_S):
                halt = await self._control.halt()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody has said that orders may be signed
            if not self._silent:
                reason = error.reason if isinstance(error, BestfillError) else unexpected("the control store", error)
                log.warning("nobody says whether the engine is halted", extra={"reason": reason})
            self._silent = True
            return
        # Knowledge only grows older: had anybody been told to wait since the last answer, it would say so still.
        waited = self.halted
        if (halt is None) is not (self.halt is None):
            log.warning("the engine is halted" if halt else "the engine is resumed")
        self._heard, self._silent = (halt, asked_at), False
        if waited and not self.halted:
            self.resumed()

    def resumed(self) -> None:
        """Tell whoever listens."""
        for listener in self._listeners:
            listener()

    async def poll(self) -> None:
        """Look again and again."""
        began = self._now()
        while True:
            await self._sleep(max(0.0, POLL_S - (self._now() - began)))
            began = self._now()
            await self.look()
