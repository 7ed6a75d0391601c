"""Those who are refused again and again take turns, so that others need not wait for them."""

import time
from collections.abc import Callable
from typing import Final

from bestfill.ports import Telemetry
from bestfill.ports.telemetry import SILENT
from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.memory import MemoryLimiter

TOLERATED: Final = Rate(50, 5)
"""How many refusals are no more than mistakes: ten a second, or fifty at once."""
TURN_US: Final = 20_000
"""The microseconds between two turns."""


def _now() -> int:
    return time.monotonic_ns() // 1_000


class Turns:
    """Counts refusals by caller, in bounded memory; all who have too many stand in one line. Nobody else ever waits.

    To refuse costs nearly as much as to serve, and what a caller sends over many connections at once would be refused
    before anybody's next step, however often it was refused before.
    """

    def __init__(self, telemetry: Telemetry = SILENT, now: Callable[[], int] = _now) -> None:
        """Take a clock of microseconds that is never set back."""
        self._telemetry, self._now = telemetry, now
        self._refusals = MemoryLimiter(now)
        self._next = 0

    def refused(self, who: str) -> None:
        """Note that a caller was refused."""
        self._refusals.take_at_once(who, TOLERATED)

    def wait_s(self, who: str) -> float:
        """Take a turn for a caller, and give how long it is until then; 0 if they need none."""
        if self._refusals.has(who, TOLERATED):
            return 0.0
        self._telemetry.limited("turns")
        now = self._now()
        turn = max(self._next, now)
        self._next = turn + TURN_US
        return (turn - now) / 1_000_000
