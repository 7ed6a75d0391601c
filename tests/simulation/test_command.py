"""What `./dev sim` says, and how it ends."""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tools.sim.__main__ import main
from tools.sim.breaks import BREAKS

DEV = str(Path(__file__).parents[2] / "dev")
SMALL = ["--orders", "4", "--workers", "2", "--jobs", "1"]


def test_a_run_reports_what_was_tried_and_what_was_found(capsys):
    assert main(["--seeds", "3", "--first", "7", *SMALL]) == 0
    said = capsys.readouterr()
    for words in ("seeds        3 (7 to 9), 2 workers each", "orders       ", "faults", "kills", "violations   none"):
        assert words in said.out
    assert "hours" in said.out
    assert said.err == "", "no bar where nobody looks"


def test_a_replay_tells_the_story_in_words_and_repeats_itself(capsys):
    assert main(["--seed", "7", *SMALL]) == 0
    first = capsys.readouterr().out
    assert "order 1 of user 1 is accepted by API" in first
    assert "violations   none" in first
    assert main(["--seed", "7", *SMALL]) == 0
    assert capsys.readouterr().out == first


def test_a_broken_rule_ends_in_1_and_names_the_seed_and_the_command_that_replays_it(capsys):
    assert main(["--break", "no-sweep", *SMALL]) == 1
    said = capsys.readouterr().out
    assert "found after" in said
    replay = next(line.split("./dev sim ")[1] for line in said.splitlines() if "replay:" in line)
    assert main(replay.split()) == 1
    assert "VIOLATION: end: order" in capsys.readouterr().out


def test_list_names_the_rules_one_a_line(capsys):
    assert main(["--break", "list"]) == 0
    assert capsys.readouterr().out.split("\n") == [*BREAKS, ""]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (["--seeds", "0"], "must be a whole number from 1"),
        (["--seeds", "many"], "must be a whole number from 1"),
        (["--seed", "-1"], "--seed"),
        (["--orders", "1.5"], "must be a whole number from 1"),
        (["--workers", "٣"], "must be a whole number from 1"),
        (["--seed", "1", "--seeds", "2"], "give one of them"),
        (["--break", "no-such-rule"], "there is no rule 'no-such-rule'"),
        (["--brea", "list"], "unrecognized"),
        (["more"], "unrecognized"),
    ],
)
def test_a_wrong_call_is_refused_in_clear_words(call, error, capsys):
    with pytest.raises(SystemExit) as refused:
        main(call)
    assert refused.value.code == 2
    assert error in capsys.readouterr().err


def test_two_processes_find_what_one_does_and_dev_hands_it_all_over(capsys):
    call = ["--seeds", "8", "--orders", "3", "--workers", "2"]
    done = subprocess.run([DEV, "sim", *call, "--jobs", "2"], capture_output=True, text=True, check=True, timeout=60)
    assert main([*call, "--jobs", "1"]) == 0
    alone = capsys.readouterr().out
    without_time = [[line for line in said.splitlines() if "hours" not in line] for said in (done.stdout, alone)]
    assert without_time[0] == without_time[1]


def seeds_of(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [child for child in process.children() if child.name() == process.name() == "python"]
    return []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_a_signal_and_leaves_nothing_running(number):
    with subprocess.Popen(
        [DEV, "sim", "--seeds", "100000", "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        process, deadline = psutil.Process(running.pid), time.monotonic() + 30
        while len(children := seeds_of(process)) < 2:
            assert time.monotonic() < deadline
        running.send_signal(number)
        _, said = running.communicate(timeout=30)
        assert running.returncode == 1
        assert said == "sim: stopped before its end, so nothing is proven\n"
        _, left = psutil.wait_procs(children, timeout=10)
        assert not left
