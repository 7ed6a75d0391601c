"""Dramatiq's broker as it comes, over a client whose timeouts, retries and bounds are said here."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bestfill.units import OrderId
from bestfill_adapters.redis.connection import reach, reason

QUEUE: Final = "orders"
ACTOR: Final = "run_orders"

REPLY_S: Final = 2.0


def connect(url: str, connections: int) -> Redis:
    """Make a client with at most so many connections; none is opened yet.

    A command whose connection was lost is tried once more, at once: each of them may be done twice.

    Raises:
        SettingsError: the URL is none of Redis.
    """
    pool = reach(ConnectionPool, url, connections, socket_timeout=REPLY_S, retry=Retry(NoBackoff(), 1))
    return Redis(connection_pool=pool)


class Broker(RedisBroker):
    """Dramatiq's broker, for which every failure of Redis is a lost connection.

    As it comes, it knows only some of them. From others a consumer dies for good, or a worker that stops.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give the command of this name."""
        command = super().__getattr__(name)

        def translated(*args: object) -> Any:
            try:
                return command(*args)
            except RedisError as error:
                raise ConnectionClosed(reason(error)) from error

        return translated


def make_broker(client: Redis, middleware: Sequence[Middleware] = ()) -> Broker:
    """Make a broker with this middleware alone; Dramatiq's usual ones are for actors that do the work themselves."""
    return Broker(client=client, middleware=[*middleware])


def wake_message(order_ids: Sequence[OrderId]) -> "Message[None]":
    """Make the message that has a worker run these orders."""
    return Message(queue_name=QUEUE, actor_name=ACTOR, args=([*order_ids],), kwargs={}, options={})
