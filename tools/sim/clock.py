"""The clocks that the simulated processes see: they are wrong, and jump."""

import asyncio
from typing import Final

from bestfill.ports import Clock
from bestfill.units import Millis
from tools.sim.process import Process

BEGIN: Final = 1_765_880_000_000
NEAR_S: Final = 1e-6
"""Floats add up to no exact time."""


class SimClock(Clock):
    """Runs `ahead_ms` ahead of the loop's time. It waits as the system's clock does."""

    def __init__(self, process: Process, ahead_ms: int) -> None:
        self._process, self._loop, self.ahead_ms = process, process.fate.loop, ahead_ms

    def now(self) -> Millis:
        return Millis(BEGIN + self.ahead_ms + int(self._loop.time() * 1000))

    async def sleep_until(self, moment: Millis) -> None:
        deadline = self._loop.time() + (moment - self.now()) / 1000
        call = self._process.begin("pause")
        try:
            while True:
                left_s = min((moment - self.now()) / 1000, deadline - self._loop.time())
                if left_s <= NEAR_S:
                    return
                await asyncio.sleep(left_s)
        finally:
            self._process.end(call)
