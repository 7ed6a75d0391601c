"""What befalls the whole deployment at some moment: outages, jumping clocks, frozen processes, lagging nodes."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from tools.sim.process import Process
from tools.sim.wire import LONGEST_FREEZE_S

if TYPE_CHECKING:
    from tools.sim.world import World

T = TypeVar("T")


class Misfortune:
    """Looks in about twice a second."""

    def __init__(self, world: "World") -> None:
        self._world, self._fate = world, world.fate
        self._acts: Mapping[str, Callable[[], None]] = {
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

    async def go_about(self) -> None:
        """Strike by chance, until cancelled."""
        while True:
            await asyncio.sleep(self._fate.within(0, 1))
            for kind, act in self._acts.items():
                if self._fate.strikes(kind):
                    act()

    def _any(self, *some: T) -> T:
        return self._fate.random.choice(some)

    def _freeze(self) -> None:
        world = self._world
        process: Process = self._any(*world.workers.values(), *world.apis.values()).process
        process.freeze(self._fate.within(0.5, LONGEST_FREEZE_S))

    def _drain(self) -> None:
        fate, worker = self._fate, self._any(*self._world.workers.values())
        grace_s = fate.within(0, 10)
        fate.tell(f"{worker.process.name} is told to stop within {grace_s:.1f} s")

        async def drain() -> None:
            await worker.runner.drain(grace_s)
            worker.process.exit()

        if worker.process.alive:
            worker.process.spawn(drain())

    def _jump(self, direction: int) -> None:
        fate = self._fate
        name = self._any(*self._world.clocks)
        ms = direction * int(fate.within(100, self._any(1_000, 20_000, 120_000)))
        fate.tell(f"the clock of {name} jumps by {ms} ms")
        self._world.clocks[name].ahead_ms += ms

    def _away(self, server: str, longest_s: float) -> None:
        fate = self._fate
        span_s = fate.within(0, longest_s)
        fate.tell(f"the {server} is away for {span_s:.1f} s")
        fate.away.add(server)
        fate.later(span_s, fate.away.discard, server)

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
