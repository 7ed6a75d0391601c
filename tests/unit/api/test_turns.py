"""Whoever is refused again and again takes turns until they calm down, and nobody else does."""

from bestfill_api import turns as module
from bestfill_api.turns import CALM_US, ENTRY_US, LINE_US, TOLERATED, TURN_US, Turns

TURN_S = TURN_US / 1_000_000


class Hand:
    """A clock that is set by hand, in microseconds."""

    now = 1_000_000_000

    def __call__(self) -> int:
        return self.now


def refuse(turns: Turns, who: str, times: int = TOLERATED.count) -> None:
    for _ in range(times):
        turns.refused(who)


def test_mistakes_cost_no_time():
    clock = Hand()
    turns = Turns(clock)
    assert turns.wait_s("ann") == 0
    refuse(turns, "ann", TOLERATED.count - 1)
    assert [turns.wait_s("ann") for _ in range(100)] == [0] * 100
    for _ in range(1_000):
        clock.now += TOLERATED.interval + 1
        turns.refused("ann")
        assert turns.wait_s("ann") == 0


def test_whoever_is_refused_more_often_takes_turns_and_so_many_wait():
    clock = Hand()
    turns = Turns(clock)
    refuse(turns, "ann")
    waits = [turns.wait_s("ann") for _ in range(100)]
    room = LINE_US // TURN_US + 1
    assert waits == [n * TURN_S for n in range(room)] + [None] * (100 - room)
    clock.now += 2 * TURN_US
    assert [turns.wait_s("ann") for _ in range(3)] == [LINE_US / 1_000_000 - TURN_S, LINE_US / 1_000_000, None]


def test_it_lasts_for_as_long_as_they_go_on_and_no_longer():
    clock = Hand()
    turns = Turns(clock)
    refuse(turns, "ann")
    for _ in range(100):
        clock.now += CALM_US - 1
        assert turns.wait_s("ann") == 0, "the line is empty"
        assert turns.wait_s("ann") == TURN_S
        refuse(turns, "ann")
    clock.now += CALM_US
    assert [turns.wait_s("ann") for _ in range(3)] == [0, 0, 0]
    assert len(turns) == 0


def test_a_connection_comes_only_if_few_are_before_it():
    turns = Turns(Hand())
    refuse(turns, "ann")
    assert [turns.wait_s("ann", ENTRY_US) for _ in range(8)] == [n * TURN_S for n in range(6)] + [None] * 2
    assert turns.wait_s("ann") == 6 * TURN_S


def test_others_do_not_stand_in_the_same_line():
    turns = Turns(Hand())
    refuse(turns, "192.0.2.1")
    while turns.wait_s("192.0.2.1") is not None:
        pass
    refuse(turns, "192.0.2.2")
    assert turns.wait_s("192.0.2.2") == 0 and turns.wait_s("192.0.2.2") == TURN_S
    assert [turns.wait_s("198.51.100.1") for _ in range(100)] == [0] * 100


def test_a_crowd_fills_no_memory(monkeypatch):
    monkeypatch.setattr(module, "CALLERS_MAX", 100)
    turns = Turns(Hand())
    for n in range(1_000):
        refuse(turns, f"192.0.2.{n}")
        assert len(turns) <= 100
    assert turns.wait_s("192.0.2.999") == 0 and turns.wait_s("192.0.2.999") == TURN_S
