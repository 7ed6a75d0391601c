"""How Redis is reached: every timeout, retry and bound said here, none left to the library's defaults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import redis
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as NoReply

from bestfill.errors import plain
from bestfill_adapters.settings import SettingsError

CONNECT_S: Final = 1.0
REPLY_S: Final = 1.0
"""How long a connection may take to be made, and a reply to come."""

P = TypeVar("P", redis.ConnectionPool, ConnectionPool)
"""A pool for threads, or one for an event loop."""

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}


def pool(url: str, connections: int = 1) -> ConnectionPool:
    """Make a pool of at most so many connections; none is opened yet.

    Nothing is tried again by itself, so whoever asks knows how often a command was sent, and no reply is waited for
    within any time: that is what `within` is for. A parameter of the same name in the URL's query wins.

    Raises:
        SettingsError: the URL is none of Redis.
    """
    made = reach(ConnectionPool, url, connections, retry=Retry(NoBackoff(), 0))
    # Of the URL's too: the library sends under `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation.
    made.connection_kwargs["socket_timeout"] = None
    return made


def reach(kind: type[P], url: str, connections: int, **settings: object) -> P:
    """Make a pool of this kind, with these settings beside those that hold for all.

    Raises:
        SettingsError: the URL is none of Redis.
    """
    scheme, separator, rest = url.partition("://")
    given: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_S,
        "health_check_interval": 0,
        # RESP3 would add requests of its own to each connection, which older servers and Valkey refuse.
        "protocol": 2,
        "driver_info": None,
        **settings,
    }
    if scheme != "unix":
        given["socket_keepalive"] = True
    try:
        made = kind.from_url(f"{_SCHEMES.get(scheme, scheme)}{separator}{rest}", max_connections=connections, **given)
        made.make_connection()  # finds what the URL's query should not have
    except (ValueError, TypeError, RedisError):
        # `from None`: what was refused may hold the password.
        raise SettingsError(["REDIS_URL: must be a URL such as redis://host:6379/0"]) from None
    return made


@asynccontextmanager
async def within(reply_s: float) -> AsyncIterator[None]:
    """Bound how long a command and its reply may take.

    Raises:
        RedisError: they took longer.
    """
    try:
        async with asyncio.timeout(reply_s):
            yield
    except TimeoutError as error:
        raise NoReply("no reply in time") from error


def connection(pool: ConnectionPool) -> Connection:
    """Make a connection that is its holder's alone, and not yet open."""
    return pool.make_connection()  # pyright: ignore[reportReturnType]


def reason(error: BaseException) -> str:
    """Say what failed, fit for a log. Redis' and the library's errors hold no password."""
    return plain(str(error)) or type(error).__name__
