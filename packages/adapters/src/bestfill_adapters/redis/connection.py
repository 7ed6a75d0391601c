"""How Redis is reached: every timeout, retry and bound said here, none left to the library's defaults."""

from typing import Any, Final

from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bestfill.errors import plain
from bestfill_adapters.settings import SettingsError

CONNECT_S: Final = 1.0
REPLY_S: Final = 1.0
"""How long a connection may take to be made, and a reply to come."""

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}


def pool(url: str, connections: int = 1, reply_s: float = REPLY_S) -> ConnectionPool:
    """Make a pool of at most so many connections; none is opened yet.

    Nothing is tried again by itself, so whoever asks knows how often a command was sent. A parameter of the same name
    in the URL's query wins.

    Raises:
        SettingsError: the URL is none of Redis.
    """
    scheme, separator, rest = url.partition("://")
    settings: dict[str, Any] = {
        "socket_timeout": reply_s,
        "socket_connect_timeout": CONNECT_S,
        "health_check_interval": 0,
        "retry": Retry(NoBackoff(), 0),
        # RESP3 would add requests of its own to each connection, which older servers and Valkey refuse.
        "protocol": 2,
        "driver_info": None,
    }
    if scheme != "unix":
        settings["socket_keepalive"] = True
    try:
        made = ConnectionPool.from_url(
            f"{_SCHEMES.get(scheme, scheme)}{separator}{rest}", max_connections=connections, **settings
        )
        made.make_connection()  # finds what the URL's query should not have
    except (ValueError, TypeError, RedisError):
        # `from None`: what was refused may hold the password.
        raise SettingsError(["REDIS_URL: must be a URL such as redis://host:6379/0"]) from None
    return made


def connection(pool: ConnectionPool) -> Connection:
    """Make a connection that is its holder's alone, and not yet open."""
    return pool.make_connection()  # pyright: ignore[reportReturnType]


def reason(error: BaseException) -> str:
    """Say what failed, fit for a log. Redis' and the library's errors hold no password."""
    return plain(str(error)) or type(error).__name__
