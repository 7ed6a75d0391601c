"""How often an endpoint may be asked."""

from collections import deque
from typing import Final

from bestfill.units import Millis

LONGEST_WAIT_MS: Final = 3_000
"""Nobody waits for a turn any longer."""

_SPAN_MS: Final = 1_000


class Pace:
    """At most so many requests in any second, in the order in which they were reserved."""

    def __init__(self, per_s: int) -> None:
        self._turns: deque[Millis] = deque(maxlen=per_s)

    def next(self, now: Millis) -> Millis:
        """Give the moment at which one more request may go: `now`, if it may at once."""
        turns = self._turns
        # A clock that was set back would make them wait until it is where it was.
        if turns and turns[-1] > now + LONGEST_WAIT_MS + _SPAN_MS:
            turns.clear()
        if len(turns) < (turns.maxlen or 0):
            return now
        return max(now, Millis(turns[0] + _SPAN_MS))

    def reserve(self, now: Millis) -> Millis:
        """Take the next turn; give its moment."""
        turn = self.next(now)
        self._turns.append(turn)
        return turn
