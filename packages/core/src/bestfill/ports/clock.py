"""Time and chance: they enter the core only here, so that a test or a simulator can own them."""

from abc import abstractmethod
from typing import Protocol

from bestfill.units import Millis


class Clock(Protocol):
    """Wall-clock time. It may jump, and the engine stays correct; set back, what waits may wait longer by as much."""

    @abstractmethod
    def now(self) -> Millis:
        """Give the time in milliseconds since 1970 (UTC)."""

    @abstractmethod
    async def sleep_until(self, moment: Millis) -> None:
        """Return at `moment` or as soon after as can be; at once if it is past."""


class Entropy(Protocol):
    """Random bits, for ids and jitter."""

    @abstractmethod
    def bits(self, count: int) -> int:
        """Give an integer of `count` random bits. Ids MUST NOT be guessable, so the source is a secure one."""
