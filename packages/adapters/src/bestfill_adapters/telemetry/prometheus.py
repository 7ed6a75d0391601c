"""What is told, as Prometheus metrics."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from bestfill import __version__
from bestfill.errors import ErrorCode
from bestfill.mandate import HALT
from bestfill.order import Order, Status
from bestfill.ports import Quoted, Telemetry
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.telemetry.tallies import Count, Spread

_QUICK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_NO_CODE: Final = "none"
_RETRIED: Final = [
    (code.value,) for code in (ErrorCode.ROUTING_ERROR, ErrorCode.QUOTE_ERROR, ErrorCode.EXECUTION_ERROR)
]
_ENDING: Final = (ErrorCode.EXPIRED, ErrorCode.CANCELLED, ErrorCode.POLICY_DENIED)
_CODES: Final = [
    (Status.CONFIRMED.value, _NO_CODE),
    *((Status.FAILED.value, code) for (code,) in _RETRIED),
    *((Status.FAILED.value, code.value) for code in _ENDING),
]
_REFUSALS: Final = [(why,) for why in ("unauthorized", "forbidden", "origin", "host")]
_LIMITS: Final = [(limit,) for limit in ("ip", "key", "orders", "previews", "sockets", "turns")]
_OTHER: Final = "other"
_STATES: Final = [(status.value,) for status in Status if not status.terminal]
_ENDS: Final = [(status.value,) for status in Status if status.terminal]


_text: Final = attrgetter("_value_")
"""Gives an enum's text, at less than half of what its `value` costs."""


class PrometheusTelemetry(Telemetry, Collector):
    """Counts what it hears, for a registry. Labels are of a few values each, and none comes from a client.

    Args:
        registry: what is scraped.
        venues: the names of those in use; any other counts as `other`.
    """

    def __init__(self, registry: CollectorRegistry, venues: Sequence[str]) -> None:
        self._venues = {venue: venue for venue in venues}
        asked = [(venue, outcome.value) for venue in venues for outcome in Quoted]
        self._accepted = Count("bestfill_orders_accepted", "Orders accepted by this process, replays not included.")
        self._ended = Count("bestfill_orders_ended", "Orders ended by this process.", ("status", "code"), _CODES)
        self._retried = Count(
            "bestfill_order_retries", "Attempts that failed and are followed by another.", ("code",), _RETRIED
        )
        self._flagged = Count("bestfill_orders_flagged", "Orders flagged for a person.")
        self._attempts = Spread("bestfill_order_attempts", "Attempts of ended orders.", (1, 2, 3), ("status",), _ENDS)
        self._duration = Spread("bestfill_order_seconds", "From accepted to ended.", _SLOW_S, ("status",), _ENDS)
        self._state = Spread(
            "bestfill_state_seconds", "Time that orders spend in a state.", _SLOW_S, ("state",), _STATES
        )
        self._landing = Spread("bestfill_landing_seconds", "From the signed swap's record to its landing.", _SLOW_S)
        self._quotes = Spread(
            "bestfill_quote_seconds", "How long venues take for a quote.", _SLOW_S, ("venue", "outcome"), asked
        )
        self._taken_over = Count("bestfill_leases_taken_over", "Orders in hand that were taken up again.")
        self._sweeps = Count("bestfill_sweeps", "Sweeps.")
        self._swept = Count("bestfill_sweep_finds", "Orders that sweeps have claimed.")
        self._sent = Count("bestfill_swaps_sent", "Signed swaps sent to the network.", ("again",), [("no",), ("yes",)])
        self._network_failed = Count("bestfill_network_failures", "Questions that the network did not answer.")
        self._group_size = Spread("bestfill_group_size", "What a store does as one group.", _SIZES, ("lane",))
        self._group_s = Spread(
            "bestfill_group_seconds", "How long a group takes, its commit included.", _QUICK_S, ("lane",)
        )
        self._lag = Spread("bestfill_loop_lag_seconds", "How late the event loop comes to what is due.", _QUICK_S)
        self._refused = Count(
            "bestfill_auth_refusals", "Requests and sockets refused for who asked.", ("why",), _REFUSALS
        )
        self._limited = Count("bestfill_limited", "Requests and sockets that were one too many.", ("limit",), _LIMITS)
        self._denied = Count(
            "bestfill_policy_denials", "Orders that a rule of the operator forbade.", ("rule",), [(HALT,)]
        )
        self._unaudited = Count("bestfill_audit_lost", "Facts that the audit log has lost.")
        self._all: list[Count | Spread] = [made for made in vars(self).values() if isinstance(made, Count | Spread)]
        registry.register(self)
        ProcessCollector(registry=registry)
        Gauge("bestfill_build", "Always 1.", ("version",), registry=registry).labels(__version__).set(1)

    def collect(self) -> Iterator[Metric]:
        """Give all that was counted."""
        for made in self._all:
            yield made.metric()

    def accepted(self, order: Order, now: Millis) -> None:
        self._accepted.add()

    def moved(self, before: Order, move: Transition) -> None:
        order = move.order
        self._state.add((order.updated_at - before.updated_at) / 1_000, (_text(before.status),))
        if order.completed_at is not None:
            self._end(order, move)
        elif order.status is before.status:
            self._flagged.add()
        elif move.failure is not None:
            self._retried.add((_text(move.failure.code),))

    def _end(self, order: Order, move: Transition) -> None:
        attempt, status = move.attempt, _text(order.status)
        self._ended.add((status, _NO_CODE if move.failure is None else _text(move.failure.code)))
        self._attempts.add(order.attempt, (status,))
        self._duration.add((order.updated_at - order.created_at) / 1_000, (status,))
        if attempt is not None and attempt.fill is not None and attempt.submitted_at is not None:
            self._landing.add((order.updated_at - attempt.submitted_at) / 1_000)

    def taken_over(self, order: Order) -> None:
        self._taken_over.add()

    def swept(self, found: Sequence[Order]) -> None:
        self._sweeps.add()
        self._swept.add(times=len(found))

    def quoted(self, venue: str, outcome: Quoted, took_ms: float) -> None:
        self._quotes.add(took_ms / 1_000, (self._venues.get(venue, _OTHER), _text(outcome)))

    def sent(self, order: Order, *, again: bool) -> None:
        self._sent.add(("yes",) if again else ("no",))

    def network_failed(self, order: Order) -> None:
        self._network_failed.add()

    def grouped(self, lane: str, size: int, took_s: float) -> None:
        self._group_size.add(size, (lane,))
        self._group_s.add(took_s, (lane,))

    def lagged(self, late_s: float) -> None:
        self._lag.add(late_s)

    def refused(self, why: str) -> None:
        self._refused.add((why,))

    def limited(self, limit: str) -> None:
        self._limited.add((limit,))

    def denied(self, rule: str, order_id: OrderId | None = None) -> None:
        self._denied.add((rule,))

    def unaudited(self, facts: int) -> None:
        self._unaudited.add(times=facts)
