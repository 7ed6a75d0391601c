"""Servers end with the process that started them, however that ends, and leave nothing behind."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.servers import Postgres, ServerError, Valkey, folders, process

ROOT = Path(__file__).parents[3]
PARENT = """
import sys
from tools.servers import Postgres, Valkey
with Postgres() as postgres, Valkey() as valkey:
    print(postgres.pid, valkey.pid, postgres.port, valkey.port, postgres.data.parent, valkey.data.parent, flush=True)
    sys.stdin.read()
"""
TEST = """
import sys

def test_that_waits(postgres, valkey, database_url, redis_url):
    both = postgres, valkey
    with open({report!r}, "w") as report:
        print(*(s.pid for s in both), *(s.port for s in both), *(s.data.parent for s in both), file=report)
    {wait}
"""
AS_ORDINARY_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


@dataclass(frozen=True)
class Started:
    """Two servers that another process has started."""

    pids: list[int]
    ports: list[int]
    folders: list[str]

    @classmethod
    def of(cls, report: str) -> "Started":
        words = report.split()
        return cls([int(word) for word in words[:2]], [int(word) for word in words[2:4]], words[4:])

    def wait_until_gone(self) -> None:
        """Wait for the end of all processes, each of which holds its server's folder."""
        for folder in self.folders:
            if os.path.exists(folder):
                subprocess.run(["flock", "--timeout", "30", folder, "true"], check=True)
        for port in self.ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))


@contextmanager
def parent(*prefix: str, cwd: Path = ROOT, **environ: str) -> Iterator[tuple[subprocess.Popen[str], Started]]:
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=os.environ | environ,
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process, Started.of(process.stdout.readline())
        finally:
            process.kill()


def test_they_die_with_a_killed_parent_and_the_next_start_sweeps_their_folders():
    with parent() as (killed, servers):
        ends = [os.pidfd_open(pid) for pid in servers.pids]
        killed.kill()
        for end in ends:
            assert select.select([end], [], [], 30)[0]
            os.close(end)
        servers.wait_until_gone()
    for folder in servers.folders:
        os.utime(folder, (0, 0))  # what is new may be about to be used
    with Valkey():
        assert not any(map(os.path.exists, servers.folders))


def test_a_parent_that_ends_in_order_leaves_nothing():
    with parent() as (ended, servers):
        ended.communicate()
        assert ended.returncode == 0
        servers.wait_until_gone()
        assert not any(map(os.path.exists, servers.folders))


def test_a_running_servers_folder_is_not_swept():
    with Postgres() as old:
        os.utime(old.data.parent, (0, 0))
        with Postgres():
            assert (old.data / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_runs_them_from_where_they_are_installed(tmp_path: Path):
    if subprocess.run([*AS_ORDINARY_USER, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody become another user in a user namespace")
    # A copy, since the cache of this one belongs to root's servers.
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    with parent(*AS_ORDINARY_USER, cwd=tmp_path, TMPDIR=str(tmp_path)) as (killed, servers):
        program = Path(f"/proc/{servers.pids[0]}/exe").resolve()
        assert program.is_relative_to(sys.prefix)
        killed.kill()
        servers.wait_until_gone()
    for folder in servers.folders:
        shutil.rmtree(folder)


@pytest.mark.parametrize("parallel", [[], ["-p", "xdist", "-n", "1"]], ids=["alone", "by xdist"])
def test_an_interrupted_pytest_leaves_no_process(tmp_path: Path, parallel: list[str]):
    report = tmp_path / "report"
    os.mkfifo(report)
    test = tmp_path / "test_it.py"
    test.write_text(TEST.format(report=str(report), wait="__import__('threading').Event().wait()"))
    command = [sys.executable, "-m", "pytest", "-p", "tests.servers", "-p", "no:cacheprovider", *parallel, str(test)]
    # Plugins that come with libraries would be half of its time.
    environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, start_new_session=True
    ) as pytest_run:
        servers = Started.of(report.read_text())
        os.killpg(pytest_run.pid, signal.SIGINT)
        pytest_run.wait(60)
        servers.wait_until_gone()


def test_a_folder_that_was_just_made_and_is_not_locked_yet_is_not_swept():
    new = folders.base() / f"{folders.SCRATCH}new"
    new.mkdir()
    with Valkey():
        assert new.exists()
    new.rmdir()


def test_ctrl_c_does_not_reach_them():
    with Valkey() as server:
        assert os.getpgid(server.pid) != os.getpgrp()


def test_they_outlive_the_thread_that_started_them():
    with Valkey() as server:
        server.stop()
        starter = threading.Thread(target=server.start)
        starter.start()
        starter.join()
        while os.path.exists(f"/proc/self/task/{starter.native_id}"):
            pass
        assert server.running
        server.flush()


def test_a_command_does_not_start_when_its_parent_is_gone_already(tmp_path: Path):
    proof = tmp_path / "proof"
    not_the_parent = str(os.getppid())
    done = subprocess.run(
        [sys.executable, process.GUARD, not_the_parent, "9", "-", "/bin/sh", "-c", f"touch '{proof}'"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "the parent is gone\n")
    assert not proof.exists()


def test_a_stopped_servers_port_stays_its_own():
    with Valkey() as server:
        server.stop()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", server.port))
        server.start()
        with pytest.raises(ServerError, match=f"port {server.port} cannot be had"):
            Valkey(port=server.port).start()


def test_a_server_that_died_of_itself_can_be_started_again(postgres: Postgres):
    files = len(os.listdir("/proc/self/fd"))
    os.kill(postgres.pid, signal.SIGKILL)
    end = os.pidfd_open(postgres.pid)
    assert select.select([end], [], [], 30)[0]
    os.close(end)
    assert not postgres.running
    postgres.start()
    assert postgres.running
    assert len(os.listdir("/proc/self/fd")) == files
