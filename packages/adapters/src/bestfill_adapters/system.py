"""Time and chance of the machine itself."""

import asyncio
import os
import time
from typing import Final

from bestfill.ports import Clock, Entropy
from bestfill.units import Millis

_POOL_BYTES: Final = 4_096


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
    """The machine's secure source of random bits, asked for some thousand at a time: each call is one to the kernel."""

    def __init__(self) -> None:
        self._bytes, self._used, self._process = b"", 0, os.getpid()

    def bits(self, count: int) -> int:
        """Give an integer of `count` random bits."""
        size = (count + 7) // 8
        begin, self._used = self._used, self._used + size
        # A fork must not draw the same.
        if self._used > len(self._bytes) or self._process != os.getpid():
            self._bytes, self._process = os.urandom(max(_POOL_BYTES, size)), os.getpid()
            begin, self._used = 0, size
        return int.from_bytes(self._bytes[begin : self._used]) >> 8 * size - count
