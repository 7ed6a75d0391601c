"""The real engine under an operator who halts it now and then, and bounds what a user may sell on a day."""

from tools.sim.report import Tally
from tools.sim.seeds import Scene, run

SEEDS = 8
SCENE = Scene(orders=12, operated=True)


def test_nothing_is_signed_while_halted_and_no_day_is_exceeded_whatever_strikes():
    tally = Tally(SCENE)
    for seed in range(SEEDS):
        tally.add(run(SCENE, seed))
    assert not tally.wrong, [(outcome.seed, outcome.violations) for outcome in tally.wrong]
    assert tally.faults["engine halted"] > 5 * SEEDS
    assert tally.ends["confirmed"] > tally.orders // 3


def test_without_an_operator_a_seed_is_as_ever():
    assert "engine halted" not in run(Scene(orders=3), 1).faults
