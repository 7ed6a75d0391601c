"""The embedded mode as a process, for tests that are asynchronous and for those that are not."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from tests import deployed
from tests.deployed import START_S, ApiProcess, api
from tools.servers.process import GUARD


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Give the settings of a quick engine on a free port; nothing of the caller's own."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    quick = {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0", "LOG_LEVEL": "warn"}
    return kept | quick | {"PORT": "0", "BESTFILL_DATA_DIR": str(folder / "var")} | settings


@asynccontextmanager
async def started(folder: Path, **settings: str) -> AsyncIterator[ApiProcess]:
    """Start one, and kill it in the end if it still runs."""
    async with api(environment(folder, **settings)) as process:
        yield process


async def finished(env: Mapping[str, str]) -> tuple[int, str]:
    """Run one that is not expected to start; give its exit code, and what it said."""
    return await deployed.finished("bestfill_api", env)


class Engine:
    """An engine over a folder of its own; `start` it again after `kill`, and it goes on at the same address."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **settings: str) -> None:
        self._said = folder / "said.txt"
        self._environ = environment(folder, **settings) | dict(environ or {})
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, **settings: str) -> None:
        """Start it, on any free port the first time, and wait until it is ready; the settings stay changed."""
        self._environ |= settings
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(signal.SIGKILL)), "-"]
        command = [*guard, sys.executable, "-m", "bestfill_api"]
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE, stderr=said)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline().decode() if ready else ""
        if not line.startswith("bestfill is ready at http://"):
            self.kill()
            raise AssertionError((line, self._said.read_text()))
        self.url = line.split()[4]
        self._environ["PORT"] = self.url.rpartition(":")[2]

    def kill(self) -> None:
        """End it at once, as a crash does."""
        with self._process:
            self._process.kill()
