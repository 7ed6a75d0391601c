"""The ports of a service of the chaos run, at whose borders it may kill itself: before, amid or after a call.

The services themselves hold no such points. The chaos run starts them by entry modules of its own, which put these
adapters in the place of the ones that they extend.
"""

from collections.abc import Sequence
from typing import Any

from bestfill.events import OrderEvent
from bestfill.order import IdempotencyKey, Order
from bestfill.quote import SignedSwap, SwapPlan, SwapStatus
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.dramatiq import DramatiqQueue
from bestfill_adapters.redis import RedisNotifier
from bestfill_adapters.sql.postgres import PostgresStore
from tools.chaos.doom import LEASE, STEPS, Doom
from tools.chaos.troubles import Forecast, TroubledNetwork


class DoomedStore(PostgresStore):
    """A store with points around what it writes."""

    def __init__(self, url: str, doom: Doom) -> None:
        super().__init__(url)
        self._doom = doom

    async def place(
        self, order: Order, event: OrderEvent, key: IdempotencyKey | None = None
    ) -> tuple[Order, OrderEvent | None]:
        """Store a new order."""
        return await self._doom.around("commit of place", super().place(order, event, key))

    async def commit(self, transition: Transition) -> OrderEvent | None:
        """Write a transition."""
        step = LEASE if transition.event is None else STEPS[transition.event.status]
        return await self._doom.around(f"commit of {step}", super().commit(transition))

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        """Take what is due."""
        return await self._doom.around("claim of a sweep", super().claim_due(now, lease_until, limit))


class DoomedNetwork(TroubledNetwork):
    """A network with points around what it is asked; after a send, the swap is sent, and nobody knows."""

    def __init__(self, doom: Doom, forecast: Forecast, **parts: Any) -> None:
        super().__init__(forecast, **parts)
        self._doom = doom

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        """Sign."""
        return await self._doom.around("sign", super().sign(plan))

    async def send(self, swap: SignedSwap) -> None:
        """Send."""
        await self._doom.around("send", super().send(swap))

    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Say what has become of a swap."""
        return await self._doom.around("poll", super().status(swap))


class DoomedNotifier(RedisNotifier):
    """A notifier with points around each publication."""

    def __init__(self, url: str, doom: Doom) -> None:
        super().__init__(url)
        self._doom = doom

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Publish."""
        await self._doom.around("publish", super().publish(events))


class DoomedQueue(DramatiqQueue):
    """A queue with points around each wake."""

    def __init__(self, url: str, batch: int, doom: Doom) -> None:
        super().__init__(url, batch)
        self._doom = doom

    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        """Wake."""
        await self._doom.around("wake", super().wake(order_ids, delay_ms))
