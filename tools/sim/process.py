"""A process of the simulated deployment: it owns what it has begun, and can be killed or frozen at any await."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, TypeVar

from tools.sim.fate import Fate
from tools.sim.loop import OWNER

T = TypeVar("T")


class ConnectionLost(Exception):
    """Whoever asked a process hears no answer."""


class Process:
    """Runs callbacks until it is killed; afterwards none of its code runs, not even a `finally`.

    Args:
        fate: of the seed.
        name: in the story.
        life: after how many callbacks it is killed; None: chance does not kill it.
        died: is called once, when it ends.
    """

    def __init__(self, fate: Fate, name: str, life: int | None, died: Callable[[], None]) -> None:
        self.fate, self.name = fate, name
        self.alive, self.over = True, False
        self.calls: dict[int, str] = {}
        """What its tasks wait for, by the number of the call."""
        self._life, self._died = life, died
        self._frozen = False
        self._kept: list[asyncio.Handle] = []
        self._asked: dict[asyncio.Future[Any], None] = {}
        self._number = 0
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)

    @property
    def kept(self) -> Sequence[asyncio.Handle]:
        """The callbacks that it did not get to."""
        return self._kept

    def admits(self, handle: asyncio.Handle) -> bool:
        """Let a callback run, unless the process is dead or frozen, or its life ends here."""
        if self.over:
            return True
        if self.alive and not self._frozen:
            if self._life is None or self._life > 0:
                self._life = None if self._life is None else self._life - 1
                return True
            self.kill("between two callbacks")
        self._kept.append(handle)
        return False

    def spare(self) -> None:
        """From now on chance does not kill it."""
        self._life = None

    def kill(self, where: str) -> None:
        """Kill it, as SIGKILL does: what it has sent goes on without it, what it waits for comes to nobody."""
        if self.alive:
            waits = dict.fromkeys(self.calls.values())
            self.fate.faults[f"{process_kind(self.name)} killed"] += 1
            self.fate.kills.update(list(waits) or ["nothing"])
            self.fate.tell(f"{self.name} is killed {where}, while it waits for: {', '.join(waits) or 'nothing'}")
            self.exit()

    def exit(self) -> None:
        """End it: nothing of it runs any more."""
        self.alive = False
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(ConnectionLost())
        self._died()

    def freeze(self, span_s: float) -> None:
        """Stop it for a while, as SIGSTOP does, or a host that is short of memory."""
        if self.alive and not self._frozen:
            self._frozen = True
            self.fate.tell(f"{self.name} is frozen for {span_s:.1f} s")
            self.fate.later(span_s, self.thaw)

    def thaw(self) -> None:
        """Let it go on, as if no time had passed for it."""
        if self._frozen:
            self._frozen = False
            if self.alive:
                self.fate.loop.resume(self._kept, self)

    def dispose(self) -> None:
        """Let everything of it run out, when the seed has been judged."""
        self.over, self.alive = True, False
        self.fate.loop.resume(self._kept, self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin something in this process."""
        return self.fate.loop.create_task(work, context=self.context)

    def soon(self, callback: Callable[..., object], *args: Any) -> None:
        """Have it call something."""
        if self.alive:
            self.fate.loop.call_soon(callback, *args, context=self.context)

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Have it answer a request from outside.

        Raises:
            ConnectionLost: it is dead, or dies, before it answers.
        """
        if not self.alive:
            raise ConnectionLost
        answer: asyncio.Future[T] = self.fate.loop.create_future()
        self._asked[answer] = None
        self.spawn(_answer(answer, work))
        try:
            return await answer
        finally:
            del self._asked[answer]

    def begin(self, call: str) -> int:
        """Note what one of its tasks waits for from now on."""
        self._number += 1
        self.calls[self._number] = call
        return self._number

    def end(self, number: int) -> None:
        """Note that it waits no more."""
        self.calls.pop(number, None)


def process_kind(name: str) -> str:
    """Give what a process is: a worker or an API."""
    return name.partition(" ")[0]


async def _answer(answer: asyncio.Future[T], work: Callable[[], Awaitable[T]]) -> None:
    try:
        result = await work()
    except Exception as error:  # noqa: BLE001 - whoever asked decides what it means
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)
