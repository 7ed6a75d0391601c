"""Limits of one process."""

import time
from collections.abc import Callable
from typing import Final

from bestfill_adapters.limits.limiter import Hold, Limiter
from bestfill_adapters.limits.rate import Rate, Taken

BUCKETS_MAX: Final = 50_000
_FEW: Final = 1_000


def _now() -> int:
    return time.monotonic_ns() // 1_000


class MemoryLimiter(Limiter):
    """Counts in this process alone, in bounded memory.

    A bucket that is full again is as good as none, and forgotten. If too many are not, those go that would be full
    soonest: who asks from a thousand addresses makes the engine forget these, and nobody who is over a limit.
    """

    def __init__(self, now: Callable[[], int] = _now, buckets_max: int = BUCKETS_MAX) -> None:
        """Take a clock of microseconds that is never set back."""
        self._now, self._most = now, buckets_max
        self._full_at: dict[str, int] = {}
        self._sweep_at = min(_FEW, buckets_max)
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
        full_at = self._full_at.get(bucket)
        if full_at is None and len(self._full_at) >= self._sweep_at:
            self._sweep(now)
        self._full_at[bucket], taken = rate.take(full_at or now, now)
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

    def _sweep(self, now: int) -> None:
        """Forget what need not be known, and the rest of what there is no room for."""
        left = {bucket: full_at for bucket, full_at in self._full_at.items() if full_at > now}
        if len(left) > self._most * 3 // 4:
            left = dict(sorted(left.items(), key=lambda one: one[1])[-(self._most // 2) :])
        self._full_at = left
        self._sweep_at = min(self._most, max(_FEW, 2 * len(left)))


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
