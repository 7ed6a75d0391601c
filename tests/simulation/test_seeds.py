"""The real engine, under all misfortunes of some seeds."""

import os
import subprocess
import sys
from pathlib import Path

from tools.sim import faults
from tools.sim.report import Tally
from tools.sim.seeds import Scene, run

ROOT = Path(__file__).parents[2]
SEEDS = 45

WAITS_OF_AN_EXECUTION = {
    "attempt", "pause", "quote", "leg", "sign", "send", "height", "status", "publish", "wake",
    "commit lease", "commit routing", "commit building", "commit submitted", "commit confirmed", "commit retry",
    "commit failed", "commit flag",
}  # fmt: skip
OTHER_WAITS = {"get", "sweep", "place", "seqs", "user seqs", "events", "user events", "subscribe"}


def test_no_order_is_lost_or_swapped_twice_whatever_strikes_wherever_a_process_dies():
    tally = Tally(Scene())
    for seed in range(SEEDS):
        tally.add(run(Scene(), seed))
    assert not tally.wrong, [(outcome.seed, outcome.violations) for outcome in tally.wrong]
    assert tally.orders > 11 * SEEDS
    assert tally.faults["worker killed"] > 10 * SEEDS
    # That nothing is wrong says something only if everything was tried.
    usual = {*faults.PER_CALL, *faults.PER_OCCASION, *faults.PER_LOOK, "worker killed", "API killed"}
    assert usual == {kind for kind, count in tally.faults.items() if count}
    assert tally.kills.keys() >= WAITS_OF_AN_EXECUTION | OTHER_WAITS
    assert tally.ends.keys() >= {
        "confirmed",
        "submitted",
        "failed, CANCELLED",
        "failed, EXPIRED",
        "failed, QUOTE_ERROR",
    }
    assert tally.ends["confirmed"] > tally.orders // 2


def test_a_seed_has_one_trace_in_any_process_and_after_any_other_seed():
    scene = Scene(orders=5, workers=2)
    code = (
        "from tools.sim.seeds import Scene, run\nfor seed in (9, 3): print(run(Scene(orders=5, workers=2), seed).trace)"
    )
    traces = [run(scene, seed).trace for seed in (3, 9)]
    assert traces[0] != traces[1]
    for hash_seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [traces[1], traces[0]]


def test_telling_the_story_changes_nothing():
    silent, told = run(Scene(), 5), run(Scene(), 5, tells=True)
    assert (told.trace, told.faults, told.ends) == (silent.trace, silent.faults, silent.ends)
    assert not silent.story
    story = "\n".join(told.story)
    for words in ("is accepted by API", "is submitted, valid up to block", "is killed", "all is at rest"):
        assert words in story
