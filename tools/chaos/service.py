"""A service of the deployment, which is started again whenever it ends, as an operator's supervisor would."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import evolve

from bestfill.units import Millis
from tools.chaos.briefing import Briefing
from tools.chaos.doom import BOOT_S, KILLED, Doom
from tools.chaos.journal import OWN, Journal
from tools.chaos.troubles import Forecast
from tools.full.child import Child
from tools.servers import ServerError

ROOT: Final = Path(__file__).resolve().parents[2]
PAUSE_S: Final = 0.2
"""How long to wait before a service that has ended is started again."""
GRACE_S: Final = 40.0
START_S: Final = 60.0
"""How long it may take to start, whatever is done to the servers meanwhile."""
READY: Final = re.compile(r"bestfill (?:worker )?is ready .*?(\d+)")


class Service:
    """One API or worker. Each incarnation of a doomed one has a failpoint of its own.

    `killed`: called when a failpoint was reached. `module`: what is run; `dooms`: where each incarnation kills itself.
    """

    def __init__(
        self,
        name: str,
        module: str,
        environ: Mapping[str, str],
        dooms: Iterator[Doom],
        journal: Journal,
        killed: Callable[[str], None],
    ) -> None:
        self.name, self._module, self._dooms = name, module, dooms
        self._environ = {**environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._journal, self._killed = journal, killed
        self.forecast = Forecast()
        self.doomed_until = Millis(0)
        """Until when failpoints kill; before it is set, they do not."""
        self.ready = asyncio.Event()
        self.starts = 0
        self._child: Child | None = None
        self._working_pid = 0
        self._excuse = ""
        """Why the present incarnation may end: what was done to it."""
        self._last = "nothing"
        self._ending = False

    async def keep(self) -> None:
        """Run it, again and again, until `stop`.

        Raises:
            ServerError: it has refused to start for START_S.
        """
        doom, last_ready = Doom(), time.monotonic()
        while not self._ending:
            if self.doomed_until and not doom.point:
                doom = evolve(next(self._dooms), until=self.doomed_until)
            self._excuse = ""
            child = Child(self.name, [sys.executable, "-m", self._module], self._hear)
            briefing = Briefing(doom, self.forecast)
            await child.start(self._environ | briefing.environ(), terminal=False)
            self._child = child
            code, was_ready = 0, False
            try:
                code = await child.ended()
                was_ready = self.ready.is_set()
            finally:
                self.ready.clear()
                self._child = None
                await child.stop(0, asyncio.Event())  # whatever it has left; then all that it said was heard
            self._judge(code, was_ready)
            if was_ready:
                doom, last_ready = Doom(), time.monotonic()  # it had its chance
            elif time.monotonic() - last_ready > START_S:
                raise ServerError(f"{self.name} has not started for {START_S:.0f} s; at last it said: {self._last}")
            await asyncio.sleep(PAUSE_S)

    def kill(self) -> None:
        """Kill it and all that it started, if it is ready."""
        if self._child is None or not self.ready.is_set():
            return
        self._excuse = "killed"
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    async def kill_alone(self) -> bool:
        """Kill the process that does the work, and leave its minder to find out; say whether it was there."""
        pid = self._working_pid
        await asyncio.sleep(BOOT_S)
        if not self.ready.is_set() or pid != self._working_pid:
            return False
        self._excuse = "killed"
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def pause(self, lasts_s: float) -> None:
        """Let the process that does the work stand still; it goes on afterwards, whatever becomes of this one."""
        pid = self._working_pid
        wake = ("sh", "-c", f"sleep {lasts_s:.1f}; kill -CONT {pid}")
        nothing = asyncio.subprocess.DEVNULL
        waker = await asyncio.create_subprocess_exec(
            *wake, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        try:
            await waker.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(waker.pid, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            raise

    def leave(self) -> None:
        """Tell it to stop in its own time, if it is ready."""
        if self._child is None or not self.ready.is_set():
            return
        self._excuse = self._excuse or "told to stop"
        with suppress(ProcessLookupError):
            os.kill(self._child.pid, signal.SIGTERM)

    async def stop(self, keeping: asyncio.Task[None]) -> None:
        """Tell it to stop for good, and wait for that."""
        self._ending = True
        if self._child is not None:
            starting = asyncio.ensure_future(self.ready.wait())
            await asyncio.wait([keeping, starting], timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
            starting.cancel()
        self.leave()
        done, _ = await asyncio.wait([keeping], timeout=GRACE_S)
        if not done:
            self._journal.accuse(self.name, f"did not stop within {GRACE_S:.0f} s")
            keeping.cancel()

    def _hear(self, line: str) -> None:
        self._last = line
        if line.startswith(KILLED):
            self._excuse = line
            point = line.removeprefix(KILLED)
            self._journal.kills[point] += 1
            self._killed(f"{self.name} {line}")
        elif match := READY.match(line):
            self.starts += 1
            self._working_pid = int(match[1]) if "worker" in line else (self._child.pid if self._child else 0)
            self.ready.set()
        self._journal.note(self.name, line)

    def _judge(self, code: int, was_ready: bool) -> None:
        """See that it ended as it should, given what was done to it."""
        self._journal.note(OWN, f"{self.name} ended with {code}; {self._excuse or 'nothing was done to it'}")
        if self._excuse == "told to stop" and code != 0:
            self._journal.accuse(self.name, f"was told to stop, and ended with {code}")
        elif not self._excuse and was_ready:
            self._journal.accuse(self.name, f"ended by itself, with {code}")


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port that nobody else gets, whether or not a server is there that sets SO_REUSEADDR too."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
