"""Prometheus metrics: those of the process, and what the API alone knows."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bestfill.ports import OrderCounts
from bestfill_adapters.telemetry.tallies import Count
from bestfill_api.dto import SocketStats

_METHODS: Final = frozenset({"GET", "POST", "OPTIONS"})
_STATES: Final = ("waiting", "delayed", "active", "completed", "failed", "attention")
_STATUSES: Final = {status: f"{status}xx" for status in range(1, 6)}


class Metrics:
    """Counts requests as they come; what is counted elsewhere, it is given when it is asked.

    Args:
        registry: that of the process; None makes one.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = CollectorRegistry(auto_describe=True) if registry is None else registry
        labels = ("method", "route", "status")
        self._requests = Count("bestfill_http_requests", "HTTP requests answered.", labels, ())

    def answered(self, scope: Any, status: int) -> None:
        """Count an HTTP answer when it begins; routes by their template, so that labels stay few."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.add((method, scope.get("path_template", "none"), _STATUSES[status // 100]))

    def render(
        self, sockets: SocketStats, counts: OrderCounts | None, depths: Mapping[str, int] | None = None
    ) -> bytes:
        """Give everything in Prometheus' text format.

        Args:
            sockets: of this process.
            counts: None if the store does not answer.
            depths: of the queue, by what waits there; None if it does not answer.
        """
        elsewhere = _Elsewhere(self._requests, sockets, counts, depths or {})
        return generate_latest(self._registry) + generate_latest(elsewhere)


class _Elsewhere(Collector):
    def __init__(
        self, requests: Count, sockets: SocketStats, counts: OrderCounts | None, depths: Mapping[str, int]
    ) -> None:
        self._requests, self._sockets, self._counts, self._depths = requests, sockets, counts, depths

    def collect(self) -> Iterator[Metric]:
        sockets = self._sockets
        yield self._requests.metric()
        yield GaugeMetricFamily("bestfill_sockets_open", "WebSockets open.", sockets.connections)
        yield GaugeMetricFamily("bestfill_streams_followed", "Streams followed by them.", sockets.subscriptions)
        yield CounterMetricFamily("bestfill_socket_events_sent", "Events sent over WebSockets.", sockets.events_sent)
        yield CounterMetricFamily("bestfill_sockets_slow_closed", "WebSockets too slow.", sockets.slow_closed)
        depth = GaugeMetricFamily("bestfill_queue_depth", "What waits in the queue.", labels=("kind",))
        for kind, count in self._depths.items():
            depth.add_metric((kind,), count)
        yield depth
        if self._counts is not None:
            orders = GaugeMetricFamily("bestfill_orders", "Orders by where they stand.", labels=("state",))
            for state in _STATES:
                orders.add_metric((state,), getattr(self._counts, state))
            yield orders
