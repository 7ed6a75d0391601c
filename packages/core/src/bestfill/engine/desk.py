"""What every execution works with: the ports and the policy."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property

from attrs import define, field, frozen

from bestfill.engine.auditor import Auditor
from bestfill.engine.patience import Patience
from bestfill.engine.switch import Switch
from bestfill.errors import BestfillError, PolicyDenied
from bestfill.events import OrderEvent
from bestfill.mandate import Mandate, day_of
from bestfill.order import Order
from bestfill.policy import ExecutionPolicy
from bestfill.ports import (
    Clock,
    ControlStore,
    Entropy,
    Network,
    Notifier,
    OrderQueue,
    OrderStore,
    Reservation,
    Telemetry,
    Venue,
)
from bestfill.ports.telemetry import SILENT, contained
from bestfill.units import Millis, OrderId

log = logging.getLogger(__name__)


@define
class Load:
    """How many orders this process works on."""

    in_hand: int = 0


@frozen(kw_only=True)
class Desk:
    """The ports and the policy; `venues` are by name, in the configured order.

    `make_mandate` is called once, when an order is there: the tokens that it names may not be known before. Without a
    switch nothing halts the engine.
    """

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
    telemetry: Telemetry = field(default=SILENT, converter=contained)
    make_mandate: Callable[[], Mandate] = Mandate
    control: ControlStore | None = None
    switch: Switch | None = None
    auditor: Auditor | None = None

    @cached_property
    def mandate(self) -> Mandate:
        """The bounds of the operator of this process.

        Raises:
            ValueError: they bound a day, and there is no control store to count it in.
        """
        mandate = self.make_mandate()
        if mandate.max_notional_day is not None and self.control is None:
            raise ValueError("a bound on a day needs a control store")
        return mandate

    @property
    def halted(self) -> bool:
        """Whether nothing may be signed now."""
        return self.switch is not None and self.switch.halted

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

    async def reserve(self, order: Order) -> bool:
        """Have an order counted into what its user sells on its day, once; False if it is beyond the day's bound.

        Raises:
            StoreError: whether it is counted is not known.
        """
        most = self.mandate.daily(order.token_in)
        if most is None or self.control is None:
            return True
        return await self.control.reserve(_sells(order), most)

    async def release(self, order: Order) -> None:
        """Count an order no more: it was not stored, or has ended without a swap. Again, it does nothing.

        Tried once: should it fail, less may be sold on that day than could be, which is the safe side.
        """
        if self.mandate.daily(order.token_in) is None or self.control is None:
            return
        try:
            await self.control.release(_sells(order))
        except BestfillError as error:
            log.warning("an order that ended still counts", extra={"order_id": order.id, "reason": error.reason})

    def denied(self, order: Order, error: BestfillError) -> None:
        """Note that a worker's own bounds have stopped an order, if that is what the error tells."""
        if not isinstance(error, PolicyDenied):
            return
        self.telemetry.denied(error.rule, order.id)
        if self.auditor is not None:
            detail = {"rule": error.rule, "reason": error.reason, "attempt": str(order.attempt)}
            self.auditor.note("worker", "", "policy.deny", order.id, detail)


def _sells(order: Order) -> Reservation:
    return Reservation(
        order_id=order.id,
        user_id=order.user_id,
        day=day_of(order.created_at),
        mint=order.token_in,
        amount=order.amount_in,
    )
