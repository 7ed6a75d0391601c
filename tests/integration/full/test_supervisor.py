"""What `./dev full` starts, watches and stops, with small programs in the services' places."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.integration.full.supervised import END_S, ROOT, Supervised, supervised


def stand_in(migrate: str = "done", api: str = "api", worker: str = "worker") -> AbstractContextManager[Supervised]:
    return supervised(sys.executable, "-m", "tests.integration.full.stand_in", migrate, api, worker)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_terminal_stops_the_api_then_the_workers_and_leaves_nothing(number: signal.Signals):
    with stand_in() as full:
        assert full.until_ready() == "http://127.0.0.1:1"
        data = [Path(f"/proc/{full.child(name)}/cwd").resolve() for name in ("postgres", "valkey-server")]
        assert all(folder.exists() for folder in data)
        assert {"migrate  | tables made", "worker-1    (process", "worker-2    (process"} <= {
            line.rstrip("0123456789)").rstrip() for line in full.said
        }
        assert [line.split()[0] for line in full.said if "://" in line][:2] == ["PostgreSQL", "Valkey"]
        os.killpg(full.process.pid, number)
        assert full.ended() == 0
        assert "api      | postgresql redis" in full.said
        assert full.said.index("api      | api stops") < full.said.index("worker-1 | worker stops")
        assert "worker-2 | worker stops" in full.said
        assert full.nothing_is_left()
    assert not any(folder.exists() for folder in data)


def test_a_killed_one_leaves_nothing():
    with stand_in() as full:
        full.until_ready()
        full.process.kill()
        assert full.nothing_is_left()


@pytest.mark.parametrize("name", ["api", "worker-2"])
def test_when_a_service_dies_the_rest_stops_and_the_exit_code_says_so(name: str):
    with stand_in() as full:
        full.until_ready()
        # The worker's own process outlives its master.
        os.kill(full.named(name), signal.SIGKILL)
        assert full.ended() == 1
        assert full.said[-1] == f"dev: {name} ended unexpectedly, with SIGKILL"
        assert "worker-1 | worker stops" in full.said
        assert full.nothing_is_left()


def test_when_a_server_dies_the_rest_stops_and_the_exit_code_says_so():
    with stand_in() as full:
        full.until_ready()
        os.kill(full.child("valkey-server"), signal.SIGKILL)
        assert full.ended() == 1
        assert full.said[-1] == "dev: Valkey ended unexpectedly"
        assert full.nothing_is_left()


def test_failed_migrations_start_nothing_and_tell_why():
    with stand_in(migrate="fails") as full:
        assert full.ended() == 1
        assert full.said[-2:] == ["migrate  | no such column", "dev: migrate ended with exit code 1"]


def test_a_service_that_cannot_start_stops_the_rest():
    with stand_in(api="port taken") as full:
        assert full.ended() == 1
        assert "api      | bestfill: cannot listen" in full.said
        assert full.said[-1] == "dev: api ended unexpectedly, with exit code 1"
        assert not any(line.startswith("bestfill is ready") for line in full.said)


def test_a_second_signal_hurries_what_does_not_stop():
    with stand_in(worker="stubborn") as full:
        full.until_ready()
        full.process.send_signal(signal.SIGINT)
        full.until("api stops")
        full.process.send_signal(signal.SIGINT)
        assert full.ended() == 0
        assert full.nothing_is_left()


@pytest.mark.parametrize("migrate", ["slow", "done"])
def test_it_can_be_stopped_while_it_starts(migrate: str):
    with stand_in(migrate=migrate, api="slow") as full:
        full.until("one moment")
        full.remember()
        full.process.send_signal(signal.SIGINT)
        assert full.ended() == 0
        assert full.nothing_is_left()


def test_it_stops_when_nobody_reads_any_more():
    with stand_in() as full:
        full.until_ready()
        assert full.process.stdout
        full.process.stdout.close()
        os.kill(full.named("api"), signal.SIGTERM)  # its last words find nobody
        assert full.process.wait(END_S) == 0
        assert full.nothing_is_left()


def test_on_a_terminal_the_services_write_for_people():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tests.integration.full.stand_in", "done", "api", "worker"]
    with (
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True) as process,
        open(ours, encoding="utf-8", newline="") as terminal,
    ):
        os.close(theirs)
        assert next(line for line in terminal if line.startswith("api")) == "api      | a terminal\r\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(OSError, match="Input/output error"):
            terminal.read()
        assert process.wait(END_S) == 0
