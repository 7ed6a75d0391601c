"""Everybody who is connected: how many they may be, and how long each may take."""

import asyncio
import resource
from collections.abc import Sequence
from typing import Final, Protocol

from uvicorn.server import ServerState

from bestfill_adapters.settings import Settings
from bestfill_api.ip import IPNetwork, read_address, subject, within
from bestfill_api.turns import ENTRY_US, Turns

CONNECTIONS_MAX: Final = 20_000
FILES_KEPT: Final = 100
"""So many of the files that this process may open are not for connections, but for the store, Redis and the rest."""
PER_SOCKET: Final = 10
"""For each socket that a user may have, so many connections may come from one address: others may share it."""


class Guest(Protocol):
    """A connection whose peer is expected to do something."""

    def overdue(self) -> None:
        """Take note that it did not."""
        ...


class Crowd(ServerState):
    """The connections of a server, by address, and until when something is expected from which.

    `per_address` bounds the connections from one address, or IPv6 network of 64 bits, unless that is a proxy's. `turns`
    says who has to wait.
    """

    def __init__(
        self,
        per_address: int | None = None,
        proxies: Sequence[IPNetwork] = (),
        most: int | None = None,
        turns: Turns | None = None,
    ) -> None:
        super().__init__()
        self._turns = turns
        self._per_address, self._proxies = per_address, proxies
        self._most = connections_max() if most is None else most
        self._addresses: dict[str, int] = {}
        self._due: dict[Guest, float] = {}
        self._loop = asyncio.get_running_loop()

    def enter(self, host: str) -> bool:
        """Count one more connection from this host, in any case; say whether it may stay."""
        address = subject(host)
        count = self._addresses[address] = self._addresses.get(address, 0) + 1
        if self._per_address is not None and count > self._per_address and not self._trusted(host):
            return False
        return len(self.connections) <= self._most

    def leave(self, host: str) -> None:
        """Count one less."""
        address = subject(host)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    def refused(self, host: str) -> None:
        """Note that what came from this host was not even a request."""
        if self._turns is not None and not self._trusted(host):
            self._turns.refused(subject(host))

    def has_turn(self, host: str) -> bool:
        """Say whether a new connection from this host is listened to."""
        return self._turns is None or self._trusted(host) or self._turns.wait_s(subject(host), ENTRY_US) is not None

    def expect(self, guest: Guest, seconds: float) -> None:
        """Have it told when so many seconds have passed."""
        self._due[guest] = self._loop.time() + seconds

    def done(self, guest: Guest) -> None:
        """Expect nothing from it any more."""
        self._due.pop(guest, None)

    def patrol(self) -> None:
        """Tell those who are late, once, unless they are expected again."""
        now = self._loop.time()
        for guest in [guest for guest, due in self._due.items() if due <= now]:
            del self._due[guest]
            guest.overdue()

    def _trusted(self, host: str) -> bool:
        return bool(self._proxies) and (address := read_address(host)) is not None and within(address, self._proxies)


def crowd(settings: Settings, turns: Turns | None = None) -> Crowd:
    """Make the crowd of a server by its settings; without a limit of sockets, no address has one of connections."""
    sockets = settings.limits.sockets
    return Crowd(None if sockets is None else PER_SOCKET * sockets, settings.access.proxies, turns=turns)


def connections_max() -> int:
    """Give how many connections this process has files for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if files == resource.RLIM_INFINITY else min(CONNECTIONS_MAX, max(files - FILES_KEPT, 1))
