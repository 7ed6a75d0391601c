"""What the simulator tells of its seeds."""

import hashlib
import sys
from collections import Counter

from attrs import define, field

from tools.sim.life import Outcome
from tools.sim.seeds import CHAINS, MODEL, WORKERS, Scene

SHOWN = 10


@define
class Tally:
    """The sum of many seeds."""

    scene: Scene
    seeds: int = 0
    orders: int = 0
    simulated_s: float = 0.0
    ends: Counter[str] = field(factory=Counter[str])
    faults: Counter[str] = field(factory=Counter[str])
    kills: Counter[str] = field(factory=Counter[str])
    figures: Counter[str] = field(factory=Counter[str])
    rest_s: float = 0.0
    traces: dict[int, str] = field(factory=dict[int, str])
    wrong: list[Outcome] = field(factory=list[Outcome])

    def add(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.seeds += 1
        self.orders += outcome.orders
        self.simulated_s += outcome.simulated_s
        self.rest_s = max(self.rest_s, outcome.rest_s)
        self.ends += outcome.ends
        self.faults += outcome.faults
        self.kills += outcome.kills
        self.figures += outcome.figures
        self.traces[outcome.seed] = outcome.trace
        if outcome.violations:
            self.wrong.append(outcome)

    def trace(self) -> str:
        """Give one digest for all seeds, in whatever order they ended."""
        lines = "\n".join(f"{seed} {self.traces[seed]}" for seed in sorted(self.traces))
        return hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()

    def print(self, spent_s: float) -> None:
        """Tell it all."""
        first, last = min(self.traces), max(self.traces)
        killed = self.faults["worker killed"] + self.faults["API killed"]
        print(f"seeds        {self.seeds:,} ({first} to {last}), {self.scene.workers} workers each")
        print(f"orders       {self.orders:,}: {_listed(self.ends)}")
        print(f"simulated    {self.simulated_s / 3600:,.1f} hours, in {spent_s:,.1f} s")
        print(f"at rest      {self.rest_s:,.0f} s after the last misfortune, at the latest")
        if self.figures:
            print(f"the chain    {_listed(self.figures)}")
        print(f"faults       {self.faults.total():,}")
        _columns(self.faults)
        print(f"kills        {killed:,}; what the process was waiting for then:")
        _columns(self.kills)
        print(f"trace        {self.trace()}")
        self.print_violations()

    def print_violations(self) -> None:
        """Tell what is wrong, and how to see it again."""
        print(f"violations   {sum(len(outcome.violations) for outcome in self.wrong) or 'none'}")
        wrong = sorted(self.wrong, key=lambda outcome: outcome.seed)
        for outcome in wrong[:SHOWN]:
            print(f"  seed {outcome.seed}: {outcome.violations[0]}")
            print(f"    replay: {replay(self.scene, outcome.seed)}")
        if len(wrong) > SHOWN:
            print(f"  and {len(wrong) - SHOWN} more seeds: {', '.join(str(o.seed) for o in wrong[SHOWN:])}")


def replay(scene: Scene, seed: int) -> str:
    """Give the command that runs a seed again and tells its story."""
    options = f" --chain {scene.chain}" * (scene.chain != MODEL)
    options += f" --orders {scene.orders}" * (scene.orders != CHAINS[scene.chain])
    options += f" --workers {scene.workers}" * (scene.workers != WORKERS)
    options += " --operated" * scene.operated
    return f"./dev sim --seed {seed}{options}" + (f" --break {scene.broken}" if scene.broken else "")


def progress(done: int, of: int, orders: int) -> None:
    """Draw a bar, where somebody sees it."""
    if sys.stderr.isatty():
        full = 40 * done // of
        sys.stderr.write(f"\r[{'#' * full}{'.' * (40 - full)}] {done:,} of {of:,} seeds, {orders:,} orders ")
        if done == of:
            sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in _sorted(counts))


def _sorted(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _columns(counts: Counter[str]) -> None:
    cells = [f"{count:>9,} {name}" for name, count in _sorted(counts)]
    half = (len(cells) + 1) // 2
    for left, right in zip(cells[:half], [*cells[half:], ""], strict=False):
        print(f"  {left:<52}{right}".rstrip())
