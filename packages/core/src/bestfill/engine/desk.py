"""What every execution works with: the ports and the policy."""

import logging
from collections.abc import Mapping

from attrs import define, field, frozen

from bestfill.engine.patience import Patience
from bestfill.events import OrderEvent
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Clock, Entropy, Network, Notifier, OrderQueue, OrderStore, Venue
from bestfill.units import Millis, OrderId

log = logging.getLogger(__name__)


@define
class Load:
    """How many orders this process works on."""

    in_hand: int = 0


@frozen(kw_only=True)
class Desk:
    """The ports and the policy; `venues` are by name, in the configured order."""

    store: OrderStore
    queue: OrderQueue
    notifier: Notifier
    network: Network
    venues: Mapping[str, Venue]
    clock: Clock
    entropy: Entropy
    policy: ExecutionPolicy = field(factory=ExecutionPolicy)
    load: Load = field(factory=Load)
    patience: Patience = field(factory=Patience)

    def lease(self, now: Millis) -> Millis:
        """Give the time by which a step that begins now must be committed."""
        return Millis(now + self.policy.lease_ms)

    async def announce(self, event: OrderEvent | None) -> None:
        """Tell whoever watches; a hint, so its failure is only noted."""
        if event is None:
            return
        try:
            await self.notifier.publish([event])
        except Exception as error:  # noqa: BLE001 - whatever it is, the event is stored, and readers look there
            log.warning("event not published", extra={"order_id": event.order_id, "error": type(error).__name__})

    async def wake(self, order_id: OrderId, delay_ms: int = 0) -> None:
        """Have a worker run the order; a hint, so its failure is only noted."""
        try:
            await self.queue.wake([order_id], delay_ms)
        except Exception as error:  # noqa: BLE001 - whatever it is, the order is stored, and the sweep finds it
            log.warning("no worker woken", extra={"order_id": order_id, "error": type(error).__name__})
