"""How much may be taken from a bucket, and when it has more: the generic cell rate algorithm.

All there is to know of a bucket is the moment at which it will be full again. Moments and spans are integers of
microseconds.
"""

from typing import Final, NamedTuple, Self

from attrs import Factory, field, frozen

_SECOND: Final = 1_000_000
DENSEST: Final = 10_000
"""The most that a rate may give in a second: what is due to each is rounded to microseconds, at this by 1 % at most."""


class Taken(NamedTuple):
    """What came of a try: whether it may go on, and what is left of `limit`.

    `reset_s` says when the bucket will be full again, `retry_after_s` when a try will succeed that did not; both in
    whole seconds, rounded up.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0


def _interval(rate: "Rate") -> int:
    return -(-rate.per_s * _SECOND // rate.count)


def _burst(rate: "Rate") -> int:
    return rate.interval * rate.count


@frozen
class Rate:
    """So many in so many seconds: at once, if there were none before, and then as fast as they come back."""

    count: int
    per_s: int
    interval: int = field(init=False, repr=False, default=Factory(_interval, takes_self=True))
    """What each costs: the time in which one comes back, rounded up."""
    burst: int = field(init=False, repr=False, default=Factory(_burst, takes_self=True))
    """What a full bucket holds."""

    def __str__(self) -> str:
        return f"{self.count}/{self.per_s}"

    def part(self, divisor: int) -> Self:
        """Give a rate of a part of this one, of at least one."""
        return type(self)(max(1, self.count // divisor), self.per_s)

    def take(self, full_at: int, now: int) -> tuple[int, Taken]:
        """Take one from a bucket; give when it is full again, and what came of it."""
        # Never later than if it were empty: a clock may have been set back, or the rate was another.
        debt = min(max(full_at - now, 0), self.burst)
        taken = self.among(debt, 0)
        return now + debt + self.interval * taken.allowed, taken

    def among(self, debt: int, before: int) -> Taken:
        """Say what comes of one of several tries at a bucket that is full again in `debt`, so many being before it."""
        left = max((self.burst - debt) // self.interval, 0)
        if left > before:
            debt += (before + 1) * self.interval
            return Taken(True, self.count, left - before - 1, -(-debt // _SECOND))
        debt += left * self.interval
        return Taken(False, self.count, 0, -(-debt // _SECOND), -(-(debt + self.interval - self.burst) // _SECOND))
