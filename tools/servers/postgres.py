"""PostgreSQL on 127.0.0.1."""

import ctypes
import os
import shutil
import signal
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tools.servers import binaries, databases
from tools.servers.account import server_account
from tools.servers.errors import ServerError
from tools.servers.folders import cached, give
from tools.servers.process import START_S, Server, spawn

# TCP alone, so that no socket file can stay behind.
ALWAYS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
# Without fsync a killed server loses nothing, but a killed machine may. mmap: in the data folder, and gone with it.
TEMPORARY = {"fsync": "off", "max_wal_size": "128MB", "dynamic_shared_memory_type": "mmap"}
INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--data-checksums",
    "--no-sync",
    "--no-instructions",
)


class Postgres(Server):
    """A PostgreSQL server with one superuser, postgres, who needs no password: whoever is on this machine may connect.

    `durable`, and with a folder always: commits reach the disk, as in production. `settings` are PostgreSQL's own.
    """

    name = "PostgreSQL"
    # Immediate shutdown: all of its processes end at once, and it still frees its shared memory.
    death = signal.SIGQUIT
    farewells: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGINT, signal.SIGQUIT)

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int = 0,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port)
        self.durable = durable or folder is not None
        self._settings = {**ALWAYS, **({} if self.durable else TEMPORARY), **(settings or {})}

    @property
    def url(self) -> str:
        """Where clients find its database postgres, as postgresql://…; the same for as long as it is not closed."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def cut_connections(self) -> int:
        """End all clients' connections, as an operator or a failing network does; return how many there were."""
        return databases.cut_connections(self.url)

    def _prepare(self) -> None:
        self._programs = binaries.postgres()
        if (self.data / "PG_VERSION").exists():
            return
        # It gets its name when it is complete, so that a kill leaves no half of one.
        new = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(_template(self._programs), new)
        give(new, server_account())
        if self.durable:
            os.sync()
        new.rename(self.data)

    def _command(self) -> list[str]:
        settings = {"port": str(self.port), **self._settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs.folder / "postgres"), "-D", str(self.data), *options]

    def _answers(self) -> bool:
        # What pg_ctl looks at: the first line is the server's process id, the eighth how far it is.
        lines = _lines(self._pid_file())
        return len(lines) >= 8 and (lines[0], lines[7].strip()) == (str(self.pid), "ready")

    def _clear_up(self, pid: int) -> None:
        # Killed, it left its file, and a segment of shared memory that would stay until the machine restarts.
        lines = _lines(self._pid_file())
        if len(lines) >= 7 and lines[0] == str(pid):
            _, segment = lines[6].split()
            ctypes.CDLL(None).shmctl(int(segment), 0, None)  # IPC_RMID

    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def _template(programs: binaries.Programs) -> Path:
    """Return a new data folder to copy: initdb takes a second, a copy a tenth of that."""

    def build(folder: Path) -> None:
        account = server_account()
        give(folder, account)
        command = [str(programs.folder / "initdb"), "-D", str(folder), *INITDB]
        with tempfile.TemporaryFile() as log:
            if spawn(command, signal.SIGKILL, log).wait(START_S):
                log.seek(0)
                raise ServerError(f"initdb failed:\n{log.read().decode(errors='replace')}")
        give(folder, account and (0, 0))

    return cached(f"template-{programs.version}-{zlib.crc32(repr(INITDB).encode()):08x}", build)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []
