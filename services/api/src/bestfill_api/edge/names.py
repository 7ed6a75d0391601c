"""The names by which the API may be asked.

A page at a name of its own, whose address it changes to this machine's, is of the same origin as what it finds there:
only the name that the browser asked for gives it away (DNS rebinding).
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from litestar.exceptions import HTTPException

from bestfill_adapters.settings.access import loopback
from bestfill_api.ip import read_address
from bestfill_api.wire import header_values

GOOD_MAX: Final = 1_000
"""So many names that were asked by are remembered as good."""

_HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{0,5})?")


class Names:
    """Knows them: loopback's, IP addresses, and those that are given."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._good: set[bytes] = set()

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuse a request whose Host is another; programs may leave it out.

        Raises:
            HTTPException: 400, it is no host or there are several; 421, it is another.
        """
        hosts = header_values(headers, b"host")
        if not hosts or (len(hosts) == 1 and hosts[0] in self._good):
            return
        if len(hosts) > 1 or (match := _HOST.fullmatch(hosts[0])) is None:
            raise HTTPException(status_code=400)
        if not self._own(match[1].decode("ascii").lower().removesuffix(".")):
            raise HTTPException(status_code=421)
        if len(self._good) < GOOD_MAX:
            self._good.add(hosts[0])

    def _own(self, name: str) -> bool:
        if name in self._names or loopback(name):
            return True
        return read_address(name.removeprefix("[").removesuffix("]")) is not None
