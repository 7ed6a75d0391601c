"""Where the database is, without ever telling its password."""

import re
from collections.abc import Mapping

import asyncpg

from bestfill.errors import StoreError


class Address:
    """A URL such as postgresql://user:password@host:5432/name; a driver's name in it, as in `+asyncpg`, is ignored."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        if not re.match(r"postgres(ql)?(\+\w+)?://", url):
            raise StoreError("the database's address is malformed: it must begin with postgresql://")
        self._url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)

    def __repr__(self) -> str:
        return "Address(<hidden>)"

    async def connect(self, timeout_s: float, settings: Mapping[str, str]) -> asyncpg.Connection:
        """Open a connection, or raise whatever the driver raises.

        Raises:
            StoreError: the URL is malformed.
        """
        try:
            return await asyncpg.connect(
                self._url,
                timeout=timeout_s,  # pyright: ignore[reportArgumentType] - a float will do
                server_settings=dict(settings),
                # Prepared statements stay as long as their connection.
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
            )
        except (asyncpg.ClientConfigurationError, ValueError):
            # Without the cause, which may hold the password.
            raise StoreError("the database's address is malformed") from None
