"""Whichever safety rule is taken out, the simulator notices."""

import pytest

from bestfill import decide
from bestfill.engine import execution
from bestfill.engine.execution import Execution
from tools.sim.breaks import BREAKS
from tools.sim.seeds import ORDERS, Scene, run

REQUIRED = [
    "resign-on-timeout",
    "no-unique-live-signature",
    "send-before-commit",
    "status-before-height",
    "no-version-check",
    "no-sweep",
    "event-and-row-in-two-transactions",
]
NOTICED_BY = {
    "resign-on-timeout": {"swap"},
    "no-unique-live-signature": {"attempts", "swap"},
    "send-before-commit": {"swap"},
    "status-before-height": {"swap"},
    "no-version-check": {"story", "swap"},
    "no-sweep": {"end"},
    "event-and-row-in-two-transactions": {"story"},
}
FIRST = {"no-unique-live-signature": 5, "status-before-height": 52}
"""The seed to begin with, where it is not 0: the one at which it is noticed first, should traces not have changed."""


def test_these_are_the_rules():
    assert list(BREAKS) == REQUIRED


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_noticed_within_2000_orders(rule: str):
    orders, seed, found = 0, FIRST.get(rule, 0), ()
    while not found and orders < 2_000 - ORDERS:
        outcome = run(Scene(broken=rule), seed)
        orders, seed, found = orders + outcome.orders, seed + 1, outcome.violations
    assert NOTICED_BY[rule] & {what.partition(":")[0] for what in found}, found


def test_a_break_leaves_nothing_broken_behind():
    before = execution.decide, decide.proven_dead, Execution._height_then_status
    for broken in BREAKS.values():
        with broken.patched():
            pass
    assert before == (execution.decide, decide.proven_dead, Execution._height_then_status)
