"""The state machine is the table, and nothing else."""

import itertools
import re
from pathlib import Path

import pytest

from bestfill.machine import TRANSITIONS, IllegalTransition, Trigger, mermaid, next_status
from bestfill.order import Status

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.parametrize(("status", "trigger"), [*itertools.product(Status, Trigger)])
def test_every_pair_is_in_the_table_or_refused(status, trigger):
    if (status, trigger) in TRANSITIONS:
        assert next_status(status, trigger) is TRANSITIONS[status, trigger]
    else:
        with pytest.raises(IllegalTransition, match=f"{trigger} is not possible from {status}"):
            next_status(status, trigger)


def test_nothing_leaves_an_end():
    assert not [status for status, _ in TRANSITIONS if status.terminal]


def test_every_status_is_reached_and_can_end():
    assert set(TRANSITIONS.values()) == set(Status)
    assert {status for status, _ in TRANSITIONS} == {status for status in Status if not status.terminal}


def test_what_is_signed_cannot_be_cancelled():
    assert (Status.SUBMITTED, Trigger.CANCEL) not in TRANSITIONS


def test_confirmed_is_reached_only_from_submitted():
    assert [pair for pair, target in TRANSITIONS.items() if target is Status.CONFIRMED] == [
        (Status.SUBMITTED, Trigger.LAND)
    ]


def test_the_readme_draws_the_table():
    drawn = re.search(r"```mermaid\n(stateDiagram.*?)\n```", README.read_text(), re.DOTALL)
    assert drawn, "README.md has no state diagram"
    assert drawn[1] == mermaid(), "README.md draws another table; paste what bestfill.machine.mermaid() gives"
