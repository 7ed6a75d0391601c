"""What a seed decides: which faults come when, where each process will kill itself, and what each client does.

Real time is nobody's to repeat: the same seed plans the same faults, but finds the orders in other steps.
"""

import random
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from tools.chaos import troubles
from tools.chaos.doom import API_CALLS, BOOT_S, WORKER_CALLS, Doom, points

EACH_S: Final = 2.5
"""About so often comes a fault, those at failpoints apart."""
LIFE_S: Final = 30.0
"""After so long at the most a doomed process waits for its failpoint; it is less in a short run."""
LOSSES_END_S: Final = 70.0
"""So long before the end the last swap may get lost: it takes a minute to prove that."""

API, RAYDIUM, METEORA = "api", "raydium", "meteora"


@frozen
class Kind:
    """How long a fault of this kind lasts, whom it may meet, and whether it kills, stops or cuts off something.

    `whom`: names, of which one is drawn; "worker" stands for any one of them.
    """

    lasts_s: tuple[float, float] = (0.0, 0.0)
    whom: tuple[str, ...] = ("",)
    stops: bool = True


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "worker killed": Kind(whom=("worker",)),
        "worker killed, its minder not": Kind(whom=("worker",)),
        "worker paused": Kind((1, 14), whom=("worker",)),
        "worker told to stop": Kind(whom=("worker",)),
        "API killed": Kind(whom=(API,)),
        "PostgreSQL restarted": Kind((0.1, 1.5)),
        "PostgreSQL killed": Kind((0.1, 1.5)),
        "PostgreSQL back ends terminated": Kind(),
        "PostgreSQL connections cut": Kind(),
        "PostgreSQL answers lost": Kind(),
        "PostgreSQL unreachable": Kind((0.5, 4)),
        "PostgreSQL slow": Kind((1, 4), stops=False),
        "Redis flushed": Kind(),
        "Redis killed, back empty": Kind((0.1, 3)),
        "Redis paused": Kind((0.5, 4)),
        "Redis clients paused": Kind((0.5, 4)),
        "Redis connections cut": Kind(),
        "Redis unreachable": Kind((0.5, 4)),
        "Redis slow": Kind((1, 4), stops=False),
        "messages duplicated": Kind(stops=False),
        "messages reordered": Kind(stops=False),
        troubles.HANGS: Kind((1, 4), (RAYDIUM, METEORA), stops=False),
        troubles.ERRS: Kind((1, 4), (RAYDIUM, METEORA), stops=False),
        troubles.LATE: Kind((1, 4), (RAYDIUM, METEORA), stops=False),
        troubles.STORMS: Kind((0.5, 2), stops=False),
        troubles.REFUSES: Kind((1, 4), stops=False),
        troubles.LOSES: Kind((1, 4), stops=False),
        troubles.MUTE: Kind((1, 4), stops=False),
        troubles.LAGS: Kind((1, 8), stops=False),
    }
)


@frozen
class Fault:
    """Something that will be done to something: `at_s` after the start, for so long."""

    at_s: float
    kind: str
    whom: str
    lasts_s: float

    def __str__(self) -> str:
        """Say it in a line."""
        whom = f" ({self.whom})" if self.whom else ""
        lasts = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.at_s:7.1f} s  {self.kind}{whom}{lasts}"


@frozen(kw_only=True)
class Plan:
    """The size of a run and its seed; all else follows.

    `seconds`: how long orders and faults come; `orders`: how many, evenly over that time.
    """

    seed: int
    seconds: float
    orders: int
    workers: int

    @property
    def worker_names(self) -> list[str]:
        """What the workers are called."""
        return [f"worker-{number}" for number in range(1, self.workers + 1)]

    def faults(self) -> list[Fault]:
        """Give the faults in their order: every kind comes before any comes again, and at least once."""
        dice = self.dice("faults")
        count = max(len(KINDS), round(self.seconds / EACH_S))
        kinds = _dealt(dice, [*KINDS])
        # They begin when the first orders are on their way, and end before the last.
        share = self.seconds * 0.95 / count
        return [self._fault(dice, next(kinds), share * (number + dice.uniform(0.3, 1.0))) for number in range(count)]

    def _fault(self, dice: random.Random, kind: str, at_s: float) -> Fault:
        about = KINDS[kind]
        whom = dice.choice(about.whom)
        if whom == "worker":
            whom = dice.choice(self.worker_names)
        return Fault(at_s, kind, whom, min(dice.uniform(*about.lasts_s), self.seconds / 4))

    def dooms(self, name: str) -> Iterator[Doom]:
        """Give where each incarnation of a process kills itself, without an end."""
        dice = self.dice(name)
        longest_s = min(LIFE_S, self.seconds / 3)
        for point in _dealt(dice, points(API_CALLS if name == API else WORKER_CALLS)):
            yield Doom(point, dice.uniform(min(BOOT_S, longest_s), longest_s))

    def dice(self, name: str) -> random.Random:
        """Give chance that hangs on the seed and this name alone."""
        return random.Random(f"{self.seed}/{name}")

    @property
    def losses_until_s(self) -> float:
        """When the last swap may get lost for good; before the start, in a short run."""
        return self.seconds - LOSSES_END_S


def _dealt(dice: random.Random, cards: list[str]) -> Iterator[str]:
    while True:
        yield from dice.sample(cards, len(cards))
