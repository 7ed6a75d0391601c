"""How late the event loop comes to what is due: what a full core, or code that blocks, does to everything else."""

import asyncio
from contextlib import suppress
from typing import Final

from bestfill.ports import Telemetry

EVERY_S: Final = 0.25


class LagWatch:
    """Measures the running loop from `start` to `close`."""

    def __init__(self, telemetry: Telemetry, every_s: float = EVERY_S) -> None:
        self._telemetry, self._every_s = telemetry, every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._watch(), name="lag")

    async def close(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            due = time() + self._every_s
            await asyncio.sleep(self._every_s)
            self._telemetry.lagged(max(0.0, time() - due))
