"""An event loop in virtual time: it never waits, and a seed chooses which ready callback runs next.

Every callback belongs to the process in whose context it was scheduled, or to the world. Tasks, timers and futures hand
their context on, so whatever a process has begun is its own, and stops with it.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")


class Owner(Protocol):
    """Who a callback belongs to."""

    def admits(self, handle: asyncio.Handle) -> bool:
        """Say whether the callback may run now; if not, the owner keeps it."""
        ...


OWNER: Final[ContextVar[Owner | None]] = ContextVar("OWNER", default=None)


class Stuck(RuntimeError):
    """Nothing is ready, and no time is awaited: nothing would ever happen again."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs one callback after another; when none is ready, it is the time of the next timer.

    Args:
        chance: gives numbers from 0 to 1, by which ready callbacks are chosen.
        fault: is told of exceptions that nobody handles.
    """

    def __init__(self, chance: Callable[[], float], fault: Callable[[str], None]) -> None:
        self._chance, self._fault = chance, fault
        self._now = 0.0
        self._count = 0
        self._ready: list[tuple[asyncio.Handle, Owner | None]] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Owner | None]] = []
        # The tasks of a killed process wait for ever. Were they let go, their `finally` would run when it is collected.
        self._tasks: list[asyncio.Task[Any]] = []
        self._closed = False
        self.steps = 0

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` has ended, and give what it gives.

        Raises:
            Stuck: it can't end.
        """
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def close(self) -> None:
        """End what is left, once its owners let everything go: cancel it until nothing is there."""
        asyncio._set_running_loop(self)
        self._fault = lambda _: None
        try:
            self._run_ready()  # whatever has not begun begins: then nothing is cancelled before it does
            while left := [task for task in self._tasks if not task.done()]:
                self._tasks = left
                for task in left:
                    task.cancel()
                self._run_ready()
        finally:
            asyncio._set_running_loop(None)
        self._timers.clear()
        self._tasks.clear()
        self._closed = True

    def unheard(self, kept: Collection[asyncio.Handle] = ()) -> list[BaseException]:
        """Give what tasks have died of without anybody ever asking.

        Args:
            kept: callbacks that their owners will never run; whom one of them was about is not meant.
        """
        asked = {id(one) for handle in kept for one in handle._args or ()}
        dead = [task for task in self._tasks if task.done() and not task.cancelled() and task._log_traceback]
        return [error for task in dead if (error := task.exception()) is not None and id(task) not in asked]

    def resume(self, handles: list[asyncio.Handle], owner: Owner) -> None:
        """Have callbacks run that their owner kept."""
        self._ready += [(handle, owner) for handle in handles]
        handles.clear()

    def _run_ready(self) -> None:
        while self._ready:
            self._step()

    def _step(self) -> None:
        ready = self._ready
        if not ready:
            self._await_timer()
        place = int(self._chance() * len(ready)) if len(ready) > 1 else 0
        ready[place], ready[-1] = ready[-1], ready[place]
        handle, owner = ready.pop()
        if handle.cancelled() or (owner is not None and not owner.admits(handle)):
            return
        self.steps += 1
        handle._run()

    def _await_timer(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Stuck("nothing is ready and no time is awaited")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, handle, owner = heapq.heappop(timers)
            self._ready.append((handle, owner))

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, context.get(OWNER)))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle, context.get(OWNER)))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None, **kwargs: Any
    ) -> asyncio.Task[Any]:
        # Numbered names would count on from seed to seed.
        task = asyncio.Task(coro, loop=self, name=str(name or "task"), context=context, **kwargs)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._fault(f"{context.get('message')} {error!r}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._closed

    def is_closed(self) -> bool:
        return self._closed

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are passed over when their time comes."""
