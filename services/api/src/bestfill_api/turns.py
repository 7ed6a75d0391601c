"""Those who are refused again and again are served one by one, so that others need not wait for them."""

from collections.abc import Callable
from typing import Final

from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.memory import MemoryLimiter, microseconds
from bestfill_adapters.limits.moments import Moments

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


class Turns:
    """Counts refusals by caller, in bounded memory, and has those who get too many take turns. All moments are
    microseconds.

    To refuse costs nearly as much as to serve, and what a caller sends over many connections at once would be refused
    before anybody's next step, however often it was refused before.
    """

    def __init__(self, now: Callable[[], int] = microseconds) -> None:
        """Take a clock that is never set back."""
        self._now, self._refusals = now, MemoryLimiter(now)
        self._calm_at, self._next = Moments(CALLERS_MAX), Moments(CALLERS_MAX)

    def __len__(self) -> int:
        """How many callers have to take turns, or had to."""
        return len(self._calm_at)

    def refused(self, who: str) -> None:
        """Note that a caller was refused."""
        if not self._refusals.take_at_once(who, TOLERATED).remaining:
            now = self._now()
            self._calm_at.put(who, now + CALM_US, now)

    def wait_s(self, who: str, most_us: int = LINE_US) -> float | None:
        """Take a turn for a caller, and give how long it is until then: 0 for nearly all; None if there is none."""
        if who not in self._calm_at:
            return 0.0
        now = self._now()
        if self._calm_at.get(who, now) == now:
            self._calm_at.forget(who)
            return 0.0
        turn = self._next.get(who, now)
        if turn - now > most_us:
            return None
        self._next.put(who, turn + TURN_US, now)
        return (turn - now) / 1_000_000
