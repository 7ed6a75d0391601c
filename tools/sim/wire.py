"""The way from a process to a server: every call takes time, and may be refused, lost on the way back, or late."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from bestfill.errors import BestfillError
from tools.sim.fate import Fate
from tools.sim.process import Process

T = TypeVar("T")

MOSTLY_S: Final = 0.006
"""A message mostly takes up to so long, one way."""
SLOW_S: Final = 14.0
LATE_S: Final = 20.0
LONGEST_FREEZE_S: Final = 25.0


class Wire:
    """Calls of one process to one server, as transactions: each takes effect at one moment, or never.

    The misfortunes of server `x` are `x refuses`, `x loses its answer`, `x acts late` (after it has said that it
    failed), `x is slow` and `x hangs`. Besides, the caller may be killed or freeze before the call has left, or be
    killed before the answer is there.
    """

    def __init__(self, fate: Fate, process: Process, server: str, error: Callable[[str], BestfillError]) -> None:
        self._fate, self._process, self._server, self._error = fate, process, server, error
        self._faults = tuple(
            f"{server} {fault}" for fault in ("refuses", "loses its answer", "acts late", "is slow", "hangs")
        )
        self._refuses, self._loses, self._late, self._slow, self._hangs = self._faults

    async def ask(self, call: str, effect: Callable[[], T], deadly: float = 1.0) -> T:
        """Have the server perform `effect`; `deadly` says how likely the caller is to be killed at this call.

        Raises:
            BestfillError: of the server's kind: whether it was performed is not known.
        """
        fate, process = self._fate, self._process
        if process.over:
            raise self._error("all is over")
        number = process.begin(call)
        try:
            answer: asyncio.Future[T] = fate.loop.create_future()
            luck = fate.random.random() / deadly
            if luck < fate.mortality:
                process.kill(f"before {call}")
                await asyncio.sleep(0)  # never returns: no line of a dead process runs
            elif luck < 2 * fate.mortality:
                fate.faults["process frozen"] += 1
                process.freeze(fate.within(0.5, LONGEST_FREEZE_S))
                await asyncio.sleep(0)  # returns when it thaws: whatever it knew is old by then
            fault = fate.one_of(self._faults)
            reach_s = fate.within(0, SLOW_S if fault == self._slow else MOSTLY_S)
            dies = 2 * fate.mortality <= luck < 3 * fate.mortality
            fate.later(reach_s, self._reach, call, effect, fault, dies, answer)
            return await answer
        finally:
            process.end(number)

    def _reach(self, call: str, effect: Callable[[], T], fault: str | None, dies: bool, answer: Any) -> None:
        """The call is there."""
        fate = self._fate
        if fault is not None:
            fate.tell(f"{fault}: {call} of {self._process.name}")
        if fault == self._refuses or self._server in fate.away:
            reply: tuple[Any, Exception | None] = None, self._error(f"{self._server} does not answer")
        elif fault == self._late:
            reply = None, self._error(f"{self._server} does not answer in time")
            fate.later(fate.within(0, LATE_S), _outcome, effect)
        else:
            reply = _outcome(effect)
            if fault == self._loses:
                reply = None, self._error("the connection was lost")
        if fault != self._hangs:
            fate.later(fate.within(0, MOSTLY_S), self._reply, call, reply, dies, answer)

    def _reply(self, call: str, reply: tuple[Any, Exception | None], dies: bool, answer: Any) -> None:
        """The answer is there."""
        if dies and self._fate.mortality:
            self._process.kill(f"before the answer to {call}")
        if answer.done():
            return
        result, error = reply
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Give what a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    raise RuntimeError("it waits for something")


def _outcome(effect: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return effect(), None
    except BestfillError as error:
        return None, error
