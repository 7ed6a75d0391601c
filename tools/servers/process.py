"""A server process: how it starts, stops, is killed, and dies with the process that started it."""

import os
import select
import signal
import socket
import subprocess  # nosec B404 # servers for tests, never by way of a shell
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from tools.servers.account import server_account
from tools.servers.errors import ServerError
from tools.servers.folders import Scratch, home

START_S = 30
STOP_S = 20
GUARD = Path(__file__).with_name("guard.py")
# Nothing of the caller's, whose PGPORT and the like would change what a server does.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# A child's death signal comes when the *thread* that made it ends. This one ends with the program.
_spawner = ThreadPoolExecutor(1, "spawner")


def spawn(command: list[str], death: signal.Signals, log: IO[bytes], *fds: int) -> subprocess.Popen[bytes]:
    """Start a command as the servers' account; it is sent `death` when this process ends, however that happens."""
    account = server_account()
    who = "{}:{}".format(*account) if account else "-"
    guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(death)), who, *command]
    return _spawner.submit(
        subprocess.Popen,
        guard,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=ENVIRONMENT,
        # Ctrl-C is for the caller, who then stops the server.
        start_new_session=True,
        pass_fds=fds,
    ).result()


class Server(ABC):
    """A server on 127.0.0.1, for `with`. Any thread may call it, one at a time; all calls block.

    It dies with this process, even with a killed one (on Linux). close() leaves nothing but the folder it was given.
    """

    name: ClassVar[str]
    death: ClassVar[signal.Signals]
    # What asks it to stop, the politest first; each is given STOP_S.
    farewells: ClassVar[tuple[signal.Signals, ...]]

    # Whether its data must reach a disk.
    durable = False

    def __init__(self, folder: Path | None, port: int) -> None:
        self.folder = folder
        self.port = port
        # Where the data is, once it was started: the folder it was given, if the servers' account can reach that.
        self.data = folder or Path()
        self._scratch: Scratch | None = None
        self._reserved: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._gone = -1

    @abstractmethod
    def _prepare(self) -> None:
        """Make self.data and whatever else the first start needs."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that runs the server in the foreground, logging to stderr or stdout."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the process serves clients."""

    def _clear_up(self, pid: int) -> None:  # noqa: B027 - most leave nothing
        """Remove what the process with this id, killed, may have left outside of self.data."""

    @property
    def running(self) -> bool:
        """Whether the server process lives, be it paused."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server process's id. Raises ServerError if the server is down."""
        if self._process is None:
            raise ServerError(f"{self.name} is down")
        return self._process.pid

    @property
    def log(self) -> Path:
        """The server's log: beside the folder it was given, or else temporary. Raises ServerError if there is none."""
        if self.folder is not None:
            return self.folder.with_name(f"{self.folder.name}.log")
        if self._scratch is None:
            raise ServerError(f"{self.name} was not started")
        return self._scratch.path / "log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start, on the same port and data as before, and wait until it serves; if it runs, only end a pause.

        Raises ServerError, with the end of the server's log; it is closed then.
        """
        if self.running:
            self.resume()
            return
        try:
            self._end()  # it may have died of itself
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        if self._reserved is None:
            self._reserved = _reserve(self.port)
            self.port = self._reserved.getsockname()[1]
            if sys.platform != "linux":
                self._reserved.close()  # others let nobody share a port
        if self._scratch is None:
            self._scratch = Scratch(memory=not self.durable)
            self.data = home(self.folder, self._scratch.path)
            self._prepare()
        # All processes of the server hold the pipe: its end tells that the last of them is gone.
        self._gone, lifeline = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = spawn(self._command(), self.death, log, lifeline, self._scratch.lock)
        except BaseException:
            os.close(self._gone)
            raise
        finally:
            os.close(lifeline)
        deadline = time.monotonic() + START_S
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not start. The end of its log:\n{self._log_end()}")
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop in order, and wait until all its processes are gone; the port stays reserved. Nothing if it is down."""
        self._end(*self.farewells, signal.SIGKILL)

    def kill(self) -> None:
        """Kill as `kill -9` does, and wait until all its processes are gone; the port stays reserved."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in order and start again, on the same port and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let the server hang, with its connections open, until resume()."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop for good, and leave nothing behind but the folder it was given."""
        self.stop()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def _end(self, *signals: signal.Signals) -> None:
        """Send the signals, each if those before did not help, and wait until all the server's processes are gone."""
        if self._process is None:
            return
        gone = select.poll()
        gone.register(self._gone)
        for number in signals or (signal.SIGCONT,):
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)  # a paused one would not hear
            if gone.poll(STOP_S * 1000):
                break
        else:
            raise ServerError(f"{self.name} does not stop. The end of its log:\n{self._log_end()}")
        self._process.wait()
        pid, self._process = self._process.pid, None
        os.close(self._gone)
        self._clear_up(pid)

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _reserve(port: int) -> socket.socket:
    """Keep a port (0: any free one) for a server, be it up or down; servers set SO_REUSEADDR, and so may share it.

    While a server is down, another program could else get its port, or a client that reconnects could reach itself.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError as error:
        held.close()
        raise ServerError(f"port {port} cannot be had: {error.strerror}") from error
    return held
