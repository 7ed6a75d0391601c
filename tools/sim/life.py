"""What every simulated world has in common: it lives through a seed, and is judged."""

import asyncio
import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from attrs import field, frozen

from bestfill.testing.invariants import Evidence, Violation
from tools.sim.fate import Fate
from tools.sim.loop import Stuck
from tools.sim.process import Process
from tools.sim.witness import ends


@frozen(kw_only=True)
class Outcome:
    """What became of a seed."""

    seed: int
    orders: int
    ends: Counter[str]
    faults: Counter[str]
    kills: Counter[str]
    simulated_s: float
    rest_s: float
    """How long after the last misfortune all was at rest."""
    violations: tuple[str, ...]
    trace: str
    story: tuple[str, ...] = field(default=(), repr=False)
    figures: Counter[str] = field(factory=Counter[str])
    """What else there is to count."""


class Life(Protocol):
    """A world of one seed; subclasses say how it lives, and what is wrong in the end."""

    seed: int
    fate: Fate
    processes: list[Process]
    """All that there ever were."""
    rest_s: float
    """How long after the last misfortune all was at rest."""

    @abstractmethod
    async def live(self) -> None:
        """Have all happen that is to happen."""

    @abstractmethod
    def judged(self) -> tuple[Evidence, list[Violation]]:
        """Give what all sides say, and what is wrong with it."""

    def kept(self) -> Collection[asyncio.Handle]:
        """Give callbacks that their owners will never run, so that nobody hears of what they were about."""
        return ()

    def figures(self) -> Counter[str]:
        """Give what else there is to count."""
        return Counter()

    def run(self) -> Outcome:
        """Live through the seed, and judge it."""
        fate = self.fate
        with faults_logged(fate.blame):
            try:
                fate.loop.run(self.live())
            except Stuck as error:
                fate.blame(str(error))
            for error in fate.loop.unheard(self.kept()):
                fate.blame(f"a task died, and nobody noticed: {error!r}")
            evidence, violations = self.judged()
            said = [fate.in_words(str(violation)) for violation in violations]
            for what in said:
                fate.tell(f"VIOLATION: {what}")
            trace, said = fate.trace(), [*fate.blames, *said]
            for process in self.processes:
                process.dispose()
            fate.loop.close()
        return Outcome(
            seed=self.seed,
            orders=len(evidence.orders),
            ends=ends(evidence),
            faults=fate.faults,
            kills=fate.kills,
            simulated_s=fate.loop.time(),
            rest_s=self.rest_s,
            violations=tuple(said),
            trace=trace,
            story=tuple(fate.story or ()),
            figures=self.figures(),
        )


@contextmanager
def faults_logged(blame: Callable[[str], None]) -> Iterator[None]:
    """An exception that the code only logs is a fault of its own."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                blame(f"{record.getMessage()}: {record.exc_info[1]!r}")

    handler = Handler(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("bestfill", "bestfill_adapters", "bestfill_api")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
