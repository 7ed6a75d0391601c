"""What befalls the whole deployment at some moment: outages, jumping clocks, frozen processes, lagging nodes."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from bestfill.runner import Runner
from tools.sim.clock import SimClock
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import LONGEST_FREEZE_S

if TYPE_CHECKING:
    from tools.sim.world import World

T = TypeVar("T")


class Strikes:
    """What befalls any deployment; subclasses say which `acts` strike, each kind by its rate.

    Args:
        fate: of the seed.
        clocks: of the processes, by name.
        apart_s: how long, at the most, from one look to the next.
    """

    acts: Mapping[str, Callable[[], None]]

    def __init__(self, fate: Fate, clocks: Mapping[str, SimClock], apart_s: float) -> None:
        self._fate, self._clocks, self._apart_s = fate, clocks, apart_s

    async def go_about(self) -> None:
        """Strike by chance, until cancelled."""
        while True:
            await asyncio.sleep(self._fate.within(0, self._apart_s))
            for kind, act in self.acts.items():
                if self._fate.strikes(kind):
                    act()

    def _any(self, *some: T) -> T:
        return self._fate.random.choice(some)

    def _stop(self, process: Process, runner: Runner, grace_s: float) -> None:
        self._fate.tell(f"{process.name} is told to stop within {grace_s:.1f} s")

        async def drain() -> None:
            await runner.drain(grace_s)
            process.exit()

        if process.alive:
            process.spawn(drain())

    def _jump(self, direction: int) -> None:
        name = self._any(*self._clocks)
        ms = direction * int(self._fate.within(100, self._any(1_000, 20_000, 120_000)))
        self._fate.tell(f"the clock of {name} jumps by {ms} ms")
        self._clocks[name].ahead_ms += ms

    def _away(self, server: str, longest_s: float) -> None:
        span_s = self._fate.within(0, longest_s)
        self._fate.tell(f"the {server} is away for {span_s:.1f} s")
        self._fate.away.add(server)
        self._fate.later(span_s, self._fate.away.discard, server)


class Misfortune(Strikes):
    """Looks in about twice a second."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.fate, world.clocks, apart_s=1)
        self._world = world
        self.acts = {
            "process frozen": self._freeze,
            "worker drained": self._drain,
            "clock jumps ahead": lambda: self._jump(1),
            "clock jumps back": lambda: self._jump(-1),
            "queue flushed": world.broker.flush,
            "store away": lambda: self._away("store", 8),
            "node away": lambda: self._away("node", 30),
            "queue away": lambda: self._away("queue", 30),
            "notifier away": lambda: self._away("notifier", 30),
            "node lags": self._lag,
            "node forgets": self._forget,
            "all nodes forget": self._forget_all,
        }

    def _freeze(self) -> None:
        world = self._world
        process: Process = self._any(*world.workers.values(), *world.apis.values()).process
        process.freeze(self._fate.within(0.5, LONGEST_FREEZE_S))

    def _drain(self) -> None:
        worker = self._any(*self._world.workers.values())
        self._stop(worker.process, worker.runner, self._fate.within(0, 10))

    def _lag(self) -> None:
        node = self._any(*self._world.nodes)
        node.lag = int(self._fate.within(5, 70))
        self._fate.tell(f"a node lags by {node.lag} slots")
        self._fate.later(self._fate.within(1, 40), node.catch_up)

    def _forget(self) -> None:
        self._any(*self._world.nodes).floor = self._world.chain.final_slot
        self._fate.tell("a node forgets all that is final")

    def _forget_all(self) -> None:
        for node in self._world.nodes:
            node.forget(self._world.chain.final_slot)
        self._fate.tell("all nodes forget all that is final, for ever")
