"""The deployed mode on this machine: what starts when, what is watched, and what stops when."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from tools.full.child import Child
from tools.servers import Postgres, ServerError, Valkey

# A little longer than each takes at most by itself.
API_GRACE_S = 30
WORKER_GRACE_S = 40
WATCH_S = 0.5

API_READY = re.compile(r"bestfill is ready at (http\S+) ")
WORKER_READY = re.compile(r"bestfill worker is ready")

T = TypeVar("T")


@dataclass(frozen=True)
class Commands:
    """What the processes run; tests put others in their place."""

    migrate: Sequence[str] = (sys.executable, "-m", "bestfill_adapters.sql")
    api: Sequence[str] = (sys.executable, "-m", "bestfill_api")
    worker: Sequence[str] = (sys.executable, "-m", "bestfill_worker")


class Deployment:
    """PostgreSQL, Valkey, the migrations, one API and some workers, for one run().

    `data`: the folder that keeps the servers' data, or None to keep nothing. `environ`: the settings, to which the
    servers' URLs are added.
    """

    def __init__(
        self, environ: Mapping[str, str], workers: int, data: Path | None = None, commands: Commands | None = None
    ) -> None:
        self._environ = dict(environ)
        self._workers = workers
        # As in production, commits wait for the disk.
        self._postgres = Postgres(data and data / "postgres", durable=True)
        self._valkey = Valkey(data and data / "valkey")
        self._kept = data is not None
        self._commands = commands or Commands()
        self._children: list[Child] = []
        self._watches: list[asyncio.Task[None]] = []
        self._terminal = sys.stderr.isatty()
        # Why it ends: a fault, or None if it was asked to.
        self._end: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._hurry = asyncio.Event()

    async def run(self) -> int:
        """Run until told to stop, or until a part dies; return the exit code: 1 for the latter."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked)
        try:
            await self._start()
            await self._watch()
        except _Ending:
            pass
        finally:
            faults = await self._stop()
        if fault := self._end.result():
            faults.insert(0, fault)
        for fault in faults:
            self._print(sys.stderr, f"dev: {fault}")
        return 1 if faults else 0

    async def _start(self) -> None:
        for server in (self._postgres, self._valkey):
            try:
                await asyncio.to_thread(server.start)
            except (ServerError, OSError) as error:
                self._ends(f"{server.name}: {error}")
            self._go_on()
            data = str(server.data) if self._kept else "until it stops"
            self._say(f"{server.name:<10}  {server.url}  (data: {data})")
        self._environ |= {"DATABASE_URL": self._postgres.url, "REDIS_URL": self._valkey.url, "PYTHONUNBUFFERED": "1"}

        migrate = await self._child("migrate", self._commands.migrate)
        if code := await self._unless_ended(migrate.ended()):
            self._ends(f"migrate ended with {_exit(code)}")
        await migrate.stop(0, self._hurry)
        self._children.remove(migrate)  # its process id may be another's soon
        self._go_on()
        self._say("tables      up to date")

        api, api_ready = await self._service("api", self._commands.api, API_READY)
        workers = [
            await self._service(f"worker-{number}", self._commands.worker, WORKER_READY)
            for number in range(1, self._workers + 1)
        ]
        url = (await self._unless_ended(api_ready))[1]
        self._say(f"{api.name:<10}  {url}  (process {api.pid})")
        for worker, ready in workers:
            await self._unless_ended(ready)
            self._say(f"{worker.name:<10}  (process {worker.pid})")
        self._say(f"bestfill is ready at {url} (open it in a browser; API reference: {url}/schema)")

    async def _watch(self) -> None:
        """Look at the servers until the end; services tell of their ends themselves."""
        while not self._end.done():
            for server in (self._postgres, self._valkey):
                if not server.running:
                    self._ends(f"{server.name} ended unexpectedly")
            await asyncio.wait({self._end}, timeout=WATCH_S)

    async def _stop(self) -> list[str]:
        """Stop the API, so that nothing new comes, then the workers, then what they need; return what went wrong."""
        faults: list[str] = []
        if not self._end.done():
            self._end.set_result(None)  # an error of our own is under way
        first, rest = [c for c in self._children if c.name == "api"], [c for c in self._children if c.name != "api"]
        for children, grace_s in ((first, API_GRACE_S), (rest, WORKER_GRACE_S)):
            stopped = (child.stop(grace_s, self._hurry) for child in children)
            for child, code in zip(children, await asyncio.gather(*stopped, return_exceptions=True), strict=True):
                if isinstance(code, BaseException):
                    faults.append(f"{child.name} cannot be stopped")
                elif code is None and not self._hurry.is_set():
                    faults.append(f"{child.name} did not stop within {grace_s} seconds, and was killed")
        for server in (self._valkey, self._postgres):
            try:
                await asyncio.to_thread(server.close)
            except (ServerError, OSError) as error:
                faults.append(f"{server.name}: {error}")
        return faults

    async def _service(
        self, name: str, command: Sequence[str], ready: re.Pattern[str]
    ) -> tuple[Child, asyncio.Future[re.Match[str]]]:
        """Start a child that must not end; return it with the future line that says that it is ready."""
        found: asyncio.Future[re.Match[str]] = asyncio.get_running_loop().create_future()

        def look(line: str) -> bool:
            match = None if found.done() else ready.match(line)
            if match:
                found.set_result(match)
            return match is not None

        child = await self._child(name, command, look)
        self._watches.append(asyncio.create_task(self._watch_child(child)))
        return child, found

    async def _watch_child(self, child: Child) -> None:
        self._ends(f"{child.name} ended unexpectedly, with {_exit(await child.ended())}")

    async def _child(self, name: str, command: Sequence[str], takes: Callable[[str], bool] | None = None) -> Child:
        """Start a child; the lines that `takes` does not take are shown with its name."""

        def tell(line: str) -> None:
            if not (takes and takes(line)):
                self._print(sys.stderr, f"{name:<8} | {line}")

        child = Child(name, [*command], tell)
        self._children.append(child)
        await child.start(self._environ, terminal=self._terminal)
        return child

    async def _unless_ended(self, what: Awaitable[T]) -> T:
        """Wait for it, but not beyond the end."""
        waited = asyncio.ensure_future(what)
        await asyncio.wait({waited, self._end}, return_when=asyncio.FIRST_COMPLETED)
        if not waited.done():
            waited.cancel()
            raise _Ending
        return await waited

    def _go_on(self) -> None:
        if self._end.done():
            raise _Ending

    def _ends(self, why: str | None) -> None:
        if not self._end.done():
            self._end.set_result(why)

    def _asked(self) -> None:
        if self._end.done():
            self._hurry.set()
            return
        self._print(sys.stderr, "dev: stopping; once more to hurry")
        self._ends(None)

    def _say(self, line: str) -> None:
        self._print(sys.stdout, line)

    def _print(self, stream: TextIO, line: str) -> None:
        try:
            print(line, file=stream, flush=True)
        except OSError:
            # Whoever read this is gone. What is left in the buffer would make the interpreter itself end with 120.
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
            self._ends(None)


class _Ending(Exception):
    pass


def _exit(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
