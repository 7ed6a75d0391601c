"""A queue within one process."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from bestfill.ports import OrderQueue
from bestfill.units import OrderId

_TIMER_SLACK_MS: Final = 2


class MemoryQueue(OrderQueue):
    """Hands wakes to one consumer on the running event loop; those of one loop tick go together, each id once.

    A wake before `consume` or after `close` is dropped: the first sweep finds the order.
    """

    def __init__(self) -> None:
        self._consumer: Callable[[Sequence[OrderId]], None] | None = None
        self._soon: dict[OrderId, None] = {}
        self._delivery: asyncio.Handle | None = None
        self._delayed: set[asyncio.TimerHandle] = set()

    def consume(self, callback: Callable[[Sequence[OrderId]], None]) -> None:
        """Give every wake from now on to `callback`, which must not block."""
        self._consumer = callback

    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        """Have the consumer called with these ids, soon or after the delay."""
        if self._consumer is None or not order_ids:
            return
        if delay_ms <= 0:
            self._deliver_soon(order_ids)
            return

        def due() -> None:
            self._delayed.discard(handle)
            self._deliver_soon(order_ids)

        # Event loops count whole milliseconds and may be one early; the order would not be due, and the wake lost.
        delay_s = (delay_ms + _TIMER_SLACK_MS) / 1000
        handle = asyncio.get_running_loop().call_later(delay_s, due)
        self._delayed.add(handle)

    def close(self) -> None:
        """Drop all wakes, those under way and those to come."""
        self._consumer = None
        self._soon.clear()
        for handle in (*self._delayed, *filter(None, [self._delivery])):
            handle.cancel()
        self._delayed.clear()
        self._delivery = None

    def _deliver_soon(self, order_ids: Sequence[OrderId]) -> None:
        self._soon.update(dict.fromkeys(order_ids))
        if self._delivery is None:
            self._delivery = asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        order_ids, self._soon, self._delivery = tuple(self._soon), {}, None
        if self._consumer is not None:
            self._consumer(order_ids)
