"""What the engine and what surrounds it tell of themselves, for operators to see."""

import enum
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from bestfill.order import Order
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId

log = logging.getLogger(__name__)


class Quoted(enum.StrEnum):
    """What came of asking a venue."""

    OK = "ok"
    REFUSED = "refused"
    """It does not trade the pair, or not now."""
    ERROR = "error"
    """It failed in a way of its own, or answered what is no quote."""
    LATE = "late"


class Telemetry:
    """Hears of what happens. Each method does nothing here: a subclass takes what it cares for.

    They are called where orders run, thousands of times a second, so they MUST be quick and never wait; but for
    `grouped`, all on one event loop. An error that one raises is noted once, and harms nobody.
    """

    def accepted(self, order: Order, now: Millis) -> None:
        """Hear of a new order, stored by `now`."""

    def moved(self, before: Order, move: Transition) -> None:
        """Hear of a transition that is committed; `before` is the order as it was."""

    def taken_over(self, order: Order) -> None:
        """Hear of an order in hand that is taken up after its lease has passed, or was given back."""

    def swept(self, found: Sequence[Order]) -> None:
        """Hear of a sweep, and of the orders that it has claimed."""

    def quoted(self, venue: str, outcome: Quoted, took_ms: float) -> None:
        """Hear of a venue that was asked for a quote."""

    def sent(self, order: Order, *, again: bool) -> None:
        """Hear of a swap that is sent, for the first time by this process or again."""

    def network_failed(self, order: Order) -> None:
        """Hear that the network could not be asked about an order's swap."""

    def grouped(self, lane: str, size: int, took_s: float) -> None:
        """Hear of a group that a store has done at once; from any thread, but for a lane always the same."""

    def lagged(self, late_s: float) -> None:
        """Hear how much later than it should the event loop has come to something."""

    def refused(self, why: str) -> None:
        """Hear of a request or socket that was refused for its credential or origin; `why` is one of a few words."""

    def limited(self, limit: str) -> None:
        """Hear of a request or socket that was one too many; `limit` is one of a few words."""

    def denied(self, rule: str, order_id: OrderId | None = None) -> None:
        """Hear of an order that a rule of the operator forbids; `rule` is the name of a setting, or `halt`."""

    def unaudited(self, facts: int) -> None:
        """Hear of facts that the audit log has lost."""


SILENT: Final = Telemetry()
"""Tells nobody."""


class Contained(Telemetry):
    """Passes on to others what each of them takes, and keeps their errors from whoever tells."""

    def __init__(self, *others: Telemetry) -> None:
        for name, nothing in vars(Telemetry).items():
            if name.startswith("_"):
                continue
            calls = [getattr(other, name) for other in others]
            takers = [call for call in calls if getattr(call, "__func__", call) is not nothing]
            if takers:
                setattr(self, name, _contained(name, takers))


def contained(telemetry: Telemetry) -> Telemetry:
    """Give what can be told without harm, whatever the telemetry does."""
    return telemetry if type(telemetry) is Contained else Contained(telemetry)


def _contained(name: str, calls: Sequence[Callable[..., None]]) -> Callable[..., None]:
    failed = False

    def tell(*facts: Any, **more: Any) -> None:
        nonlocal failed
        for call in calls:
            try:
                call(*facts, **more)
            except Exception as error:  # noqa: BLE001 - what only looks on must not harm an order
                if not failed:  # once: it may be told of thousands of times a second
                    log.error("telemetry failed", extra={"call": name, "error": type(error).__name__})
                failed = True

    return tell
