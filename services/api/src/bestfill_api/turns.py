"""Those who are refused again and again are served one by one, so that others need not wait for them."""

import time
from collections.abc import Callable
from typing import Final

from attrs import define

from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.memory import MemoryLimiter

TOLERATED: Final = Rate(50, 5)
"""How many refusals are no more than mistakes: ten a second, or fifty at once."""
CALM_US: Final = 1_000_000
"""Whoever had more is free again after so long without a refusal."""
TURN_US: Final = 20_000
"""The time between two turns of one caller, over all its connections."""
LINE_US: Final = 500_000
"""Nobody waits longer for a turn: whoever would have to gets none."""
ENTRY_US: Final = 100_000
"""The same for new connections, which do not wait: more than a few at once would be in everybody's way."""
CALLERS_MAX: Final = 10_000
_FEW: Final = 1_000


def _now() -> int:
    return time.monotonic_ns() // 1_000


@define(eq=False)
class _Line:
    calm_at: int
    next: int = 0


class Turns:
    """Counts refusals by caller, in bounded memory, and has those who get too many take turns. All moments are
    microseconds.

    To refuse costs nearly as much as to serve, and what a caller sends over many connections at once would be refused
    before anybody's next step, however often it was refused before.
    """

    def __init__(self, now: Callable[[], int] = _now) -> None:
        """Take a clock that is never set back."""
        self._now = now
        self._refusals = MemoryLimiter(now)
        self._lines: dict[str, _Line] = {}
        self._sweep_at = _FEW

    def __len__(self) -> int:
        """How many callers have to take turns, or had to."""
        return len(self._lines)

    def refused(self, who: str) -> None:
        """Note that a caller was refused."""
        if self._refusals.take_at_once(who, TOLERATED).remaining:
            return
        now = self._now()
        if (line := self._lines.get(who)) is None:
            if len(self._lines) >= self._sweep_at:
                self._sweep(now)
            line = self._lines[who] = _Line(now)
        line.calm_at = now + CALM_US

    def wait_s(self, who: str, most_us: int = LINE_US) -> float | None:
        """Take a turn for a caller, and give how long it is until then: 0 for nearly all; None if there is none."""
        if (line := self._lines.get(who)) is None:
            return 0.0
        now = self._now()
        if now >= line.calm_at:
            del self._lines[who]
            return 0.0
        turn = max(line.next, now)
        if turn - now > most_us:
            return None
        line.next = turn + TURN_US
        return (turn - now) / 1_000_000

    def _sweep(self, now: int) -> None:
        """Forget who is calm, and of too many others those who came first."""
        left = [(who, line) for who, line in self._lines.items() if now < line.calm_at]
        self._lines = dict(left[-(CALLERS_MAX // 2) :] if len(left) > CALLERS_MAX * 3 // 4 else left)
        self._sweep_at = min(CALLERS_MAX, max(_FEW, 2 * len(self._lines)))
