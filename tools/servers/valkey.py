"""Valkey on 127.0.0.1."""

import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tools.servers import binaries
from tools.servers.account import server_account
from tools.servers.folders import give
from tools.servers.process import Server


class Valkey(Server):
    """A Valkey server; without a folder it keeps nothing, so that it comes back empty from any stop.

    `settings` are Valkey's own. Whoever is on this machine may connect.
    """

    name = "Valkey"
    death = signal.SIGKILL
    farewells: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGTERM,)

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int = 0,
        maxclients: int = 10_000,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port)
        self._settings = {
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no" if folder is None else "yes",
            "maxclients": str(maxclients),
            **(settings or {}),
        }

    @property
    def url(self) -> str:
        """Where clients find it, as redis://…; the same for as long as it is not closed."""
        return f"redis://127.0.0.1:{self.port}"

    def flush(self) -> None:
        """Delete all data."""
        self._ask(b"FLUSHALL")

    def _prepare(self) -> None:
        self._program = binaries.valkey()
        self.data.mkdir(mode=0o700, exist_ok=True)
        give(self.data, server_account())

    def _command(self) -> list[str]:
        settings = {"port": str(self.port), "dir": str(self.data), **self._settings}
        return [str(self._program), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(512)
