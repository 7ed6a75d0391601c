"""What a seed plans is the same each time, and leaves no kind of fault out."""

from itertools import islice

import pytest

from tools.chaos.__main__ import main
from tools.chaos.doom import WORKER_CALLS, points
from tools.chaos.plan import KINDS, Plan

PLAN = Plan(seed=7, seconds=600, orders=6_000, workers=3)


def test_the_same_seed_plans_the_same_and_another_one_does_not():
    again, other = (Plan(seed=seed, seconds=600, orders=6_000, workers=3) for seed in (7, 8))
    assert again.faults() == PLAN.faults() != other.faults()
    assert [*islice(again.dooms("worker-1"), 50)] == [*islice(PLAN.dooms("worker-1"), 50)]
    assert [*islice(PLAN.dooms("worker-1"), 50)] != [*islice(PLAN.dooms("worker-2"), 50)]


@pytest.mark.parametrize("seconds", [1, 15, 600])
def test_every_kind_of_fault_is_planned_within_the_time(seconds: float):
    faults = Plan(seed=1, seconds=seconds, orders=10, workers=2).faults()
    assert {fault.kind for fault in faults} == KINDS.keys()
    assert [*faults] == sorted(faults, key=lambda fault: fault.at_s)
    assert all(0 < fault.at_s < seconds for fault in faults)


def test_ten_minutes_have_a_hundred_faults_and_more():
    assert len(PLAN.faults()) >= 100


def test_a_process_gets_every_failpoint_before_any_again():
    all_points = points(WORKER_CALLS)
    assert {doom.point for doom in islice(PLAN.dooms("worker-1"), len(all_points))} == {*all_points}


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (("--seconds", "0"), "--seconds: must be from 1 second"),
        (("--seconds", "nan"), "--seconds: must be from 1 second"),
        (("--minutes", "1e9"), "--minutes: must be from 1 second"),
        (("--orders", "0"), "--orders: must be at least 1"),
        (("--workers", "0"), "--workers: must be at least 1"),
        (("--seed", "x"), "--seed: invalid int value"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: tuple[str, ...], mend: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([*options])
    assert ended.value.code == 2
    assert mend in capsys.readouterr().err


def test_the_plan_can_be_seen_beforehand(capsys: pytest.CaptureFixture[str]):
    assert main(["--plan", "--seed", "7", "--orders", "6000"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(fault) for fault in PLAN.faults()]
