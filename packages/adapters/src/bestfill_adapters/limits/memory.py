"""Limits of one process."""

import time
from collections.abc import Callable
from typing import Final

from bestfill_adapters.limits.limiter import Hold, Limiter
from bestfill_adapters.limits.moments import Moments
from bestfill_adapters.limits.rate import Rate, Taken

BUCKETS_MAX: Final = 50_000


def microseconds() -> int:
    """Give the time by a clock that is never set back."""
    return time.monotonic_ns() // 1_000


class MemoryLimiter(Limiter):
    """Counts in this process alone, in bounded memory.

    A bucket that is full again is as good as none, and forgotten. If too many are not, those go that would be full
    soonest: who asks from a thousand addresses makes the engine forget these, and nobody who is over a limit.
    """

    def __init__(self, now: Callable[[], int] = microseconds, buckets_max: int = BUCKETS_MAX) -> None:
        """Take a clock of microseconds that is never set back."""
        self._now, self._full_at = now, Moments(buckets_max)
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        """How many buckets and places are remembered."""
        return len(self._full_at) + len(self._held)

    async def take(self, bucket: str, rate: Rate) -> Taken:
        """Take one from a bucket that is filled at this rate."""
        return self.take_at_once(bucket, rate)

    def take_at_once(self, bucket: str, rate: Rate) -> Taken:
        """Do the same without being awaited."""
        now = self._now()
        full_at, taken = rate.take(self._full_at.get(bucket, now), now)
        self._full_at.put(bucket, full_at, now)
        return taken

    async def hold(self, bucket: str, most: int) -> Hold | None:
        """Take one of so many places and keep it until it is released; None if there is none left."""
        held = self._held.get(bucket, 0)
        if held >= most:
            return None
        self._held[bucket] = held + 1
        return Place(self._leave, bucket)

    def _leave(self, bucket: str) -> None:
        self._held[bucket] -= 1
        if not self._held[bucket]:
            del self._held[bucket]


class Place(Hold):
    """A place that is left once."""

    __slots__ = ("_leave", "_name")

    def __init__(self, leave: Callable[[str], None], name: str) -> None:
        self._leave, self._name = leave, name

    def release(self) -> None:
        """Give it back; again, it does nothing."""
        name, self._name = self._name, ""
        if name:
            self._leave(name)
