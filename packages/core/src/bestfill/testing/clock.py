"""Time and chance that a test owns."""

import asyncio
import heapq
import random

from bestfill.ports import Clock, Entropy
from bestfill.units import Millis


class ManualClock(Clock):
    """Stands still until it is moved; with `auto`, whoever sleeps moves it to the end of the sleep."""

    def __init__(self, now: int = 1_765_880_000_000, *, auto: bool = False) -> None:
        self._now, self._auto = now, auto
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Millis:
        """Give the time that was set."""
        return Millis(self._now)

    def advance(self, ms: int) -> None:
        """Move on (or, below zero, jump back) and wake whoever's time has come."""
        self._now += ms
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    async def sleep_until(self, moment: Millis) -> None:
        """Wait until the clock has been moved there."""
        if self._auto:
            self.advance(max(0, moment - self._now))
            await asyncio.sleep(0)
        elif moment > self._now:
            self._count += 1
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (moment, self._count, future))
            await future


class SeededEntropy(Entropy):
    """The same bits for the same seed: for tests alone, since its ids can be guessed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        """Give the next bits of the seed."""
        return self._random.getrandbits(count)
