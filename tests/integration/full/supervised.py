"""A supervisor under test: what it says, and whether anything of it is left."""

import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
END_S = 90


class Supervised:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._ends: list[int] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Read on to the line that matches."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"it ended without {pattern!r}: {self.said}")

    def until_ready(self) -> str:
        """Give the URL that it says in the end."""
        url = self.until(r"^bestfill is ready at (\S+) ")[1]
        self.remember()
        return url

    def remember(self) -> None:
        """Hold on to all processes that it has now, however deep, and to itself."""
        processes = _processes()
        family = [self.process.pid]
        for pid in family:
            family += [child for child, (_, parent) in processes.items() if parent == pid]
        self._ends = [os.pidfd_open(pid) for pid in family]

    def child(self, program: str) -> int:
        """Give the process id of the child that runs a program."""
        return next(pid for pid, found in _processes().items() if found == (program, self.process.pid))

    def named(self, name: str) -> int:
        """Give the process id that it told for a service."""
        return next(int(m[1]) for line in self.said if (m := re.match(rf"{name} .*\(process (\d+)\)", line)))

    def ended(self) -> int:
        """Wait for its end and read the rest; give the exit code."""
        assert self.process.stdout
        # Not by communicate(): what was read ahead with the last line would be lost.
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(END_S)

    def nothing_is_left(self) -> bool:
        """Wait until all processes that were remembered are gone, and try the ports that it told."""
        for end in self._ends:
            assert select.select([end], [], [], END_S)[0], "a process is left"
            os.close(end)
        self._ends = []
        ports = {int(port) for line in self.said for port in re.findall(r"://(?:postgres@)?127\.0\.0\.1:(\d+)", line)}
        assert len(ports) >= 2
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=10)
        return True


@contextmanager
def supervised(*command: str, environ: Mapping[str, str] | None = None) -> Iterator[Supervised]:
    """Run a command in a session of its own, with its output in one; whatever happens, leave nothing of it."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environ,
        start_new_session=True,
    ) as process:
        one = Supervised(process)
        try:
            yield one
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(END_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _processes() -> dict[int, tuple[str, int]]:
    """Give the program and the parent of each process."""
    found: dict[int, tuple[str, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = path.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(path.parent.name)] = head.partition("(")[2], int(tail.split()[1])
    return found
