"""Time and chance of the machine itself."""

import asyncio
import secrets
import time

from bestfill.ports import Clock, Entropy
from bestfill.units import Millis


class SystemClock(Clock):
    """The machine's wall clock."""

    def now(self) -> Millis:
        """Give the time in milliseconds since 1970 (UTC), rounded down."""
        return Millis(time.time_ns() // 1_000_000)

    async def sleep_until(self, moment: Millis) -> None:
        """Return at `moment`; if the clock is set back meanwhile, when the span that was left has passed."""
        deadline = time.monotonic() + (moment - self.now()) / 1000
        while True:
            left_s = min((moment - self.now()) / 1000, deadline - time.monotonic())
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)


class SystemEntropy(Entropy):
    """The machine's secure source of random bits."""

    def bits(self, count: int) -> int:
        """Give an integer of `count` random bits."""
        return secrets.randbits(count)
