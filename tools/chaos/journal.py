"""What happened in a run, by the second: what the services said, and what was done to them."""

import time
from collections import Counter
from typing import Final, NamedTuple

from attrs import define, field

from tools.chaos.doom import KILLED

LINE_MAX: Final = 4_000
OWN: Final = "chaos"
"""Who says what this run itself does."""
FORESEEN: Final = ("bestfill", KILLED)
"""What lines begin with that are no log: a service is ready or says why it cannot start; it was at its failpoint."""


class Entry(NamedTuple):
    """A line of a service, or of this run's own."""

    at_s: float
    who: str
    line: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.at_s:7.1f} s  {self.who:<10}  {self.line}"


@define(eq=False)
class Journal:
    """Keeps all entries, and counts faults by kind and kills by failpoint."""

    begun: float = field(factory=time.monotonic)
    entries: list[Entry] = field(factory=list)
    faults: Counter[str] = field(factory=Counter[str])
    kills: Counter[str] = field(factory=Counter[str])
    wrong: list[str] = field(factory=list)
    """What no service should have done."""

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun

    def note(self, who: str, line: str) -> None:
        """Keep a line."""
        self.entries.append(Entry(self.now_s, who, line[:LINE_MAX]))

    def accuse(self, who: str, what: str) -> None:
        """Keep what a service should not have done."""
        self.note(OWN, f"{who} {what}")
        self.wrong.append(f"{who} {what}")

    def about(self, order_id: str) -> list[Entry]:
        """Give the entries that name an order, and this run's own from the first of them to the last."""
        named = [entry.at_s for entry in self.entries if order_id in entry.line]
        return [
            entry
            for entry in self.entries
            if order_id in entry.line or (named and entry.who == OWN and named[0] <= entry.at_s <= named[-1])
        ]

    @property
    def surprises(self) -> list[Entry]:
        """What services said that nobody foresaw: errors with their traces, and lines that are no log."""
        return [entry for entry in self.entries if entry.who != OWN and _surprises(entry.line)]


def _surprises(line: str) -> bool:
    return '"exception":' in line if line.startswith("{") else not line.startswith(FORESEEN)
