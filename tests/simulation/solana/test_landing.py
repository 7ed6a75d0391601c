"""The real adapter under lost sends, late landings, lost replies, lagging nodes, forks and crashes at every await."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tools.sim.report import Tally
from tools.sim.seeds import Scene, run
from tools.sim.solana import weather
from tools.sim.solana.breaks import BREAKS
from tools.sim.solana.world import World

ROOT = Path(__file__).parents[3]
SEEDS = range(10)
SOLANA = Scene(orders=25, chain="solana")
SMALL = Scene(orders=4, workers=2, chain="solana")

AWAITS = {
    "attempt", "pause", "publish", "wake", "sweep",
    "getMultipleAccounts", "getRecentPrioritizationFees", "getLatestBlockhash", "simulateTransaction",
    "sendTransaction", "getEpochInfo", "getSignatureStatuses", "getTransaction",
    "getSignatureStatuses and getBlocks", "getBlock",
    "getGenesisHash",
    "commit lease", "commit routing", "commit building", "commit submitted", "commit confirmed", "commit retry",
    "commit failed", "commit flag",
}  # fmt: skip

NOTICED = {
    "resign-on-timeout": 0,
    "status-before-height": 1,
    "no-proof-of-death": 1,
    "no-history-check": 2,
}
"""By the seed at which each is noticed first: where to look first, should traces have changed."""


def test_no_order_is_swapped_twice_or_falsely_failed_whatever_is_lost_wherever_a_process_dies():
    tally = Tally(SOLANA)
    for seed in SEEDS:
        tally.add(run(SOLANA, seed))
    assert not tally.wrong, [(outcome.seed, outcome.violations) for outcome in tally.wrong]
    assert tally.orders == 25 * len(SEEDS)
    # That nothing is wrong says something only if everything was tried.
    assert tally.kills.keys() >= AWAITS
    assert tally.ends.keys() >= {"confirmed", "submitted", "failed, EXECUTION_ERROR", "failed, QUOTE_ERROR"}
    assert tally.figures.keys() >= {f"confirmed at a loss of {loss:.0%}" for loss in weather.LOSSES}
    assert tally.figures["sends lost"] > tally.figures["sends taken"] // 3
    assert tally.figures["swaps signed"] > tally.figures["landed"]
    for rare in ("landed in the last valid block", "dropped by forks"):
        assert tally.figures[rare] > len(SEEDS) // 2
    assert {"node is busy", "node hangs", "node loses its answer", "node lags", "node forgets"} <= tally.faults.keys()


@pytest.mark.parametrize("rule", BREAKS)
def test_with_a_part_of_the_proof_of_death_removed_doubles_or_false_failures_are_noticed_within_1000_orders(rule: str):
    first, orders, found = NOTICED[rule], 0, ()
    while not found and orders < 1_000:
        outcome = run(Scene(orders=25, chain="solana", broken=rule), first)
        orders, first, found = orders + outcome.orders, first + 1, outcome.violations
    assert any(what.startswith("swap: ") for what in found), found


def test_a_seed_has_one_trace_in_any_process_and_after_any_other_seed():
    traces = [run(SMALL, seed).trace for seed in (3, 9)]
    assert traces[0] != traces[1]
    code = (
        "from tools.sim.seeds import Scene, run\n"
        "for seed in (9, 3): print(run(Scene(orders=4, workers=2, chain='solana'), seed).trace)"
    )
    env = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [traces[1], traces[0]]


def test_neither_real_time_nor_a_thread_has_a_part_in_it(monkeypatch):
    expected = run(SMALL, 3)
    chance = random.Random(1)
    for clock in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, clock, lambda: 10**9 * chance.random())
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread was started"))
    assert run(SMALL, 3).trace == expected.trace


def test_telling_the_story_changes_nothing():
    silent, told = run(SMALL, 5), run(SMALL, 5, tells=True)
    assert (told.trace, told.faults, told.ends, told.figures) == (
        silent.trace,
        silent.faults,
        silent.ends,
        silent.figures,
    )
    assert not silent.story
    story = "\n".join(told.story)
    for words in ("is accepted: ", "is submitted, valid up to block", "all is at rest"):
        assert words in story


def test_a_break_leaves_nothing_broken_behind():
    expected = run(SMALL, 3).trace
    for broken in BREAKS.values():
        with broken.patched():
            World(3, 1, 1).run()
    assert run(SMALL, 3).trace == expected
