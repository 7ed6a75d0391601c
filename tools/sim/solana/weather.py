"""How the chain and its nodes behave in a seed, and what befalls the whole deployment now and then."""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from tools.cluster.rules import Rules
from tools.sim import faults
from tools.sim.misfortune import Strikes
from tools.sim.solana.nodes import NODES
from tools.sim.wire import LONGEST_FREEZE_S

if TYPE_CHECKING:
    from tools.sim.solana.world import World

LOSSES: Final = (0.2, 0.5, 0.8, 0.9, 0.98)
"""So many sends are lost, by the seed modulo their number."""

_RATES: Final[Mapping[str, float]] = {
    **{kind: rate for kind, rate in faults.PER_CALL.items() if not kind.startswith("venue")},
    "node is busy": 0.02,
    "wake lost": 0.15,
    "wake doubled": 0.10,
    "wake delayed": 0.10,
}
_PER_LOOK: Final[Mapping[str, float]] = {
    "process frozen": 0.01,
    "worker drained": 0.005,
    "clock jumps ahead": 0.01,
    "clock jumps back": 0.01,
    "queue flushed": 0.02,
    "store away": 0.004,
    "node away": 0.02,
    "all nodes away": 0.004,
    "node lags": 0.06,
    "node forgets": 0.02,
}
"""By the look that misfortune takes, about once a second."""


def rates(chance: random.Random) -> dict[str, float]:
    """Draw how often each misfortune strikes in a seed: some never, some often."""
    return {kind: rate * chance.choice((0.0, 0.5, 1.0, 2.0)) for kind, rate in (_RATES | _PER_LOOK).items()}


@frozen
class Climate:
    """How the chain and its nodes behave all through a seed.

    `balanced`: behind each URL there is one node for this call, and another for the next.
    """

    rules: Rules
    balanced: bool


def climate(chance: random.Random, loss: float) -> Climate:
    """Draw the climate of a seed."""
    rules = Rules(
        loss=loss,
        late=chance.choice((0.0, 0.3, 0.6)),
        delay=(1, chance.choice((3, 40))),
        forks=chance.choice((0.0, 0.01, 0.04)),
        fork_slots=chance.choice((4, 12)),
        finalized=chance.choice((8, 32)),
        skipped=chance.choice((0.04, 0.2)),
        nodes=NODES,
        lag=chance.choice((0, 4, 20)),
    )
    kind = chance.random()
    if kind < 0.25:  # the hardest for the proof of death
        return Climate(evolve(rules, late=0.8, finalized=8, lag=50), balanced=True)
    if kind < 0.5:  # the hardest for the proof of life
        return Climate(evolve(rules, history=chance.choice((260, 400))), balanced=chance.random() < 0.5)
    return Climate(rules, balanced=chance.random() < 0.5)


def fair(stormy: Rules) -> Rules:
    """Give what is left of the rules when there are no misfortunes any more; what was forgotten stays so."""
    return evolve(stormy, loss=0.0, late=0.0, delay=(1, 3), forks=0.0, lag=0, history=None)


class Weather(Strikes):
    """Looks in about once a second."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.fate, world.clocks, apart_s=2)
        self._world = world
        self.acts = {
            "process frozen": self._freeze,
            "worker drained": self._drain,
            "clock jumps ahead": lambda: self._jump(1),
            "clock jumps back": lambda: self._jump(-1),
            "queue flushed": world.broker.flush,
            "store away": lambda: self._away("store", 8),
            "node away": lambda: self._away(f"node /{1 + self._fate.random.randrange(NODES)}", 60),
            "all nodes away": lambda: self._away("node", 120),
            "node lags": self._lag,
            "node forgets": self._forget,
        }

    def _freeze(self) -> None:
        worker = self._any(*self._world.workers.values())
        worker.process.freeze(self._fate.within(0.5, LONGEST_FREEZE_S))

    def _drain(self) -> None:
        worker, grace_s = self._any(*self._world.workers.values()), self._fate.within(0, 10)
        if worker.runner is not None and worker.process.alive:
            self._stop(worker.process, worker.runner, grace_s)

    def _forget(self) -> None:
        """Have a node lose its history, as one does that is set up anew."""
        chain, node = self._world.cluster.chain, self._any(*self._world.cluster.nodes)
        node.forgotten = max(node.forgotten, chain.final_slot)
        self._fate.tell(f"node {node.number + 1} forgets all that is final")

    def _lag(self) -> None:
        node = self._any(*self._world.cluster.nodes)
        node.lag = int(self._fate.within(5, 90))
        self._fate.tell(f"node {node.number + 1} lags by {node.lag} slots")
        self._fate.later(self._fate.within(1, 60), setattr, node, "lag", None)
