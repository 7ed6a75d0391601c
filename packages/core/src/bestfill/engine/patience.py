"""A bound on how long a step may take, at a quarter of what `asyncio.timeout` costs.

All steps under way share one timer, which looks at them ten times a second: they may take seconds, so that is near
enough, and a step that ends in time has set and cancelled none of its own.
"""

import asyncio
from types import TracebackType
from typing import Final

LOOK_S: Final = 0.1


class Patience:
    """Cuts short what takes too long. One event loop at a time may use it."""

    def __init__(self) -> None:
        self._limits: dict[Limit, None] = {}  # in the order in which they began, not in that of their addresses
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, limit_ms: int) -> "Limit":
        """Give a context that is left by a TimeoutError, `limit_ms` or little more after it was entered."""
        return Limit(self, limit_ms / 1000)

    def begin(self, limit: "Limit", loop: asyncio.AbstractEventLoop) -> None:
        """Look after a limit."""
        if self._loop is not loop:  # whatever is left belongs to a loop that has ended
            self._loop, self._timer = loop, None
            self._limits.clear()
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look, loop)
        self._limits[limit] = None

    def end(self, limit: "Limit") -> None:
        """Look after it no more."""
        self._limits.pop(limit, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for limit in [limit for limit in self._limits if limit.ends_at <= now]:
            self.end(limit)
            limit.reached()
        self._timer = loop.call_later(LOOK_S, self._look, loop) if self._limits else None


class Limit:
    """The bound of one step, in the task that enters it."""

    __slots__ = ("_cancels", "_patience", "_reached", "_span_s", "_task", "ends_at")

    def __init__(self, patience: Patience, span_s: float) -> None:
        self._patience, self._span_s = patience, span_s
        self._reached = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be cut short")
        self._task, self._cancels = task, task.cancelling()
        loop = task.get_loop()
        self.ends_at = loop.time() + self._span_s
        self._patience.begin(self, loop)

    def reached(self) -> None:
        """Cut the step short."""
        self._reached = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patience.end(self)
        # As `asyncio.timeout` does: a task that is cancelled by somebody else too goes on being cancelled.
        if self._reached and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error
