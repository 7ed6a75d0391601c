"""How a process kills itself at a named point, and what the points are called."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import define, field

from bestfill.order import Status
from bestfill.units import Millis

KILLED: Final = "killed at the failpoint: "
"""What the last line of a process begins with that has reached its failpoint."""
AMID_S: Final = 0.004
"""A call that is to be cut off in the middle gets at most so long."""
BOOT_S: Final = 2.0
"""So long after it is ready at the latest, a worker's process has told its minder so. They share a lock for that, in
Dramatiq's own code, and one that is killed with it leaves a minder that hangs for good.
"""
MOMENTS: Final = ("before", "amid", "after")

STEPS: Final[Mapping[Status, str]] = {
    Status.PENDING: "retry",
    Status.ROUTING: "start",
    Status.BUILDING: "choose",
    Status.SUBMITTED: "sign",
    Status.CONFIRMED: "confirm",
    Status.FAILED: "fail",
}
"""What a commit is called, by the status that it leads to."""
LEASE: Final = "lease"
"""What a commit is called that only takes, keeps or gives back a lease."""

WORKER_CALLS: Final = (
    *(f"commit of {step}" for step in (*STEPS.values(), LEASE)),
    "claim of a sweep",
    "sign",
    "send",
    "poll",
    "publish",
    "wake",
)
"""The calls of a worker that have points around them."""
API_CALLS: Final = ("commit of place", "publish", "wake")
"""The same of an API."""

T = TypeVar("T")


@define
class Doom:
    """Kills this process the first time that it passes a point, `after_s` seconds or more from the first point that it
    has passed at all, and before `until`; never, if the point has no name."""

    point: str = ""
    after_s: float = 0.0
    until: Millis = Millis(0)
    _first_at: float | None = field(default=None, init=False, alias="_first_at")

    def reach(self, point: str) -> None:
        """Say that a point is passed."""
        now = time.monotonic()
        self._first_at = self._first_at or now
        ripe = now >= self._first_at + self.after_s
        if point == self.point and ripe and time.time() * 1000 < self.until:
            # Past every buffer: nothing else of this process is to be heard any more.
            os.write(sys.__stdout__.fileno() if sys.__stdout__ else 1, f"{KILLED}{point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    async def around(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        """Do some work of which the points are before, amid and after."""
        self.reach(f"before {call}")
        if self.point == f"amid {call}":
            task = asyncio.ensure_future(work)
            await asyncio.wait([task], timeout=random.uniform(0, AMID_S))
            self.reach(self.point)
            answer = await task
        else:
            answer = await work
        self.reach(f"after {call}")
        return answer


def points(calls: Sequence[str]) -> list[str]:
    """Give the names of all points around these calls."""
    return [f"{moment} {call}" for call in calls for moment in MOMENTS]
