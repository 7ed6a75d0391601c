"""The wake list: the quick way to an idle worker, who would else look for messages once a second at worst.

It holds the newest wakes only, and whoever takes one may die with it: the message says the same, and the sweep more.
"""

import logging
from contextlib import suppress
from typing import Final

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from bestfill.errors import QueueError
from bestfill.units import OrderId
from bestfill_adapters.dramatiq.ids import is_order_id
from bestfill_adapters.redis.connection import pool, reason, within

WAKES: Final = "bestfill:wakes"
WAKES_MAX: Final = 10_000
LATE_S: Final = 3.0
"""How much later than asked for the answer may come that there are no wakes: a busy machine is no reason to hang up."""

log = logging.getLogger(__name__)


def push(client: Redis, order_ids: list[OrderId]) -> None:
    """Put wakes at the end of the list, and keep it short.

    Raises:
        RedisError: it cannot be done now.
    """
    if client.rpush(WAKES, *order_ids) > WAKES_MAX:  # pyright: ignore[reportOperatorIssue] - this client does not await
        client.ltrim(WAKES, -WAKES_MAX, -1)


class WakeList:
    """Takes wakes off the list; each goes to one taker. One event loop may use it."""

    def __init__(self, url: str, wait_s: float = 2.0) -> None:
        """Take a URL of Redis; nothing is opened before it is needed.

        Raises:
            SettingsError: the URL is none of Redis.
        """
        self._wait_s = wait_s
        self._client = AsyncRedis(connection_pool=pool(url))

    async def take(self, most: int) -> list[OrderId]:
        """Wait for wakes, and give at most so many; none if none come within the time.

        Raises:
            QueueError: Redis cannot be reached.
        """
        try:
            async with within(self._wait_s + LATE_S):
                taken = await self._client.blmpop(self._wait_s, 1, WAKES, direction="LEFT", count=most)
        except RedisError as error:
            raise QueueError(f"no wakes can be taken: {reason(error)}") from error
        if not taken:
            return []
        values = [value.decode(errors="replace") for value in taken[1] if isinstance(value, bytes)]
        order_ids = [OrderId(value) for value in values if is_order_id(value)]
        if len(order_ids) < len(values):
            log.warning("wakes dropped that name no order", extra={"count": len(values) - len(order_ids)})
        return order_ids

    async def close(self) -> None:
        """Hang up."""
        with suppress(RedisError):  # a connection that has died unnoticed
            await self._client.aclose()
            await self._client.connection_pool.aclose()
