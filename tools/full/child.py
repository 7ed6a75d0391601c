"""A process of the deployment: its output by line, its end, and the end of all that it started."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from tools.servers.process import GUARD

GONE_S = 10


class Child:
    """A command in a session of its own, so that Ctrl-C reaches it through stop() alone.

    It is sent SIGTERM when this process ends, however that happens (on Linux). `tell` gets each line that it writes.
    """

    def __init__(self, name: str, command: list[str], tell: Callable[[str], None]) -> None:
        self.name = name
        self._command = command
        self._tell = tell
        self._output: _Lines | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, environ: Mapping[str, str], *, terminal: bool) -> None:
        """Start it; `terminal`: it writes to one, and so for people. Must be called in the main thread."""
        loop = asyncio.get_running_loop()
        # Not SIGKILL: the worker's own processes end only if it lets them.
        death = str(int(signal.SIGTERM))
        guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), death, "-", *self._command]
        read, write = os.openpty() if terminal else os.pipe()
        _, self._output = await loop.connect_read_pipe(lambda: _Lines(self._tell), os.fdopen(read, "rb", 0))
        try:
            self._process = await asyncio.create_subprocess_exec(
                *guard,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                env=dict(environ),
                start_new_session=True,
            )
        finally:
            os.close(write)

    @property
    def pid(self) -> int:
        """Its process id, once it was started."""
        assert self._process  # noqa: S101
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end; return the exit code, which is negative after a signal."""
        assert self._process  # noqa: S101
        return await self._process.wait()

    async def stop(self, grace_s: float, hurry: asyncio.Event) -> int | None:
        """Ask it alone to stop, and kill it and all that it started after the grace period, or when there is a hurry.

        Returns its exit code, or None if it had to be killed; raises TimeoutError if even that does not help.
        """
        if self._process is None or self._output is None:
            return 0
        in_time = True
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            waits = [asyncio.ensure_future(self._process.wait()), asyncio.ensure_future(hurry.wait())]
            done, _ = await asyncio.wait(waits, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
            in_time = waits[0] in done
            waits[1].cancel()
        # Its group is left if there is any of it: a killed one leaves its own processes behind.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        async with asyncio.timeout(GONE_S):
            code = await self._process.wait()
            # All of its processes hold the output: its end tells that the last of them is gone.
            await self._output.end
        return code if in_time else None


class _Lines(asyncio.Protocol):
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._rest = b""
        self.end = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, exc: Exception | None) -> None:
        # A terminal's end is an error, which is as good as any end.
        if self._rest:
            self._tell(self._rest.decode(errors="replace"))
        self.end.set_result(None)
