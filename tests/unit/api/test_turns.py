"""Whoever is refused again and again stands in one line with the others of their kind, and nobody else does."""

from bestfill.ports import Telemetry
from bestfill_api.turns import TOLERATED, TURN_US, Turns

TURN_S = TURN_US / 1_000_000


class Hand:
    """A clock that is set by hand, in microseconds."""

    now = 1_000_000_000

    def __call__(self) -> int:
        return self.now


class Ear(Telemetry):
    """Hears who is one too many."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def limited(self, limit: str) -> None:
        self.heard.append(limit)


def refuse(turns: Turns, who: str, times: int = TOLERATED.count) -> None:
    for _ in range(times):
        turns.refused(who)


def test_mistakes_cost_no_time():
    clock, ear = Hand(), Ear()
    turns = Turns(ear, clock)
    assert turns.wait_s("ann") == 0
    refuse(turns, "ann", TOLERATED.count - 1)
    assert [turns.wait_s("ann") for _ in range(100)] == [0] * 100
    for _ in range(1_000):
        clock.now += TOLERATED.interval
        turns.refused("ann")
        assert turns.wait_s("ann") == 0
    assert ear.heard == []


def test_whoever_is_refused_more_often_takes_turns_until_that_is_forgiven():
    clock, ear = Hand(), Ear()
    turns = Turns(ear, clock)
    refuse(turns, "ann", 1_000)
    assert [turns.wait_s("ann") for _ in range(4)] == [0, TURN_S, 2 * TURN_S, 3 * TURN_S]
    clock.now += 2 * TURN_US
    assert turns.wait_s("ann") == 2 * TURN_S, "the line does not get shorter by itself"
    assert ear.heard == ["turns"] * 5
    clock.now += TOLERATED.interval
    assert turns.wait_s("ann") == 0


def test_all_of_them_stand_in_one_line_and_nobody_else_does():
    turns = Turns(now=Hand())
    callers = [f"192.0.2.{n}" for n in range(50)]
    for who in callers:
        refuse(turns, who)
    assert [turns.wait_s(who) for who in callers] == [n * TURN_US / 1_000_000 for n in range(50)]
    assert turns.wait_s("198.51.100.1") == 0
