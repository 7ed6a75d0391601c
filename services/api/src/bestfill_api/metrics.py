"""Prometheus metrics, in a registry of the app's own."""

from collections.abc import Iterator
from typing import Any, Final, cast

from litestar.types import Message, Scope
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bestfill.ports import OrderCounts
from bestfill_api.dto import SocketStats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_METHODS: Final = frozenset({"GET", "POST", "OPTIONS"})
_STATES: Final = ("waiting", "delayed", "active", "completed", "failed", "attention")


class Metrics:
    """Counts requests and orders as they come; what is counted elsewhere, it is given when it is asked."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "bestfill_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._accepted = Counter(
            "bestfill_orders_accepted", "Orders accepted, replays included.", registry=self._registry
        )
        self._by_kind: dict[tuple[str, str, int], Counter] = {}

    async def answered(self, message: Message, scope: Scope) -> None:
        """Count an HTTP answer when it begins; routes by their template, so that labels stay few."""
        if message["type"] != "http.response.start":
            return
        request = cast("dict[str, Any]", scope)
        kind = (request["method"], request.get("path_template", "none"), message["status"] // 100)
        if (counter := self._by_kind.get(kind)) is None:
            method = kind[0] if kind[0] in _METHODS else "other"
            counter = self._requests.labels(method, kind[1], f"{kind[2]}xx")
            if method != "other":
                self._by_kind[kind] = counter
        counter.inc()

    def accepted(self) -> None:
        """Count an order."""
        self._accepted.inc()

    def render(self, sockets: SocketStats, counts: OrderCounts | None) -> bytes:
        """Give everything in Prometheus' text format; `counts` is None if the store does not answer."""
        return generate_latest(self._registry) + generate_latest(_Elsewhere(sockets, counts))


class _Elsewhere(Collector):
    def __init__(self, sockets: SocketStats, counts: OrderCounts | None) -> None:
        self._sockets, self._counts = sockets, counts

    def collect(self) -> Iterator[Metric]:
        sockets = self._sockets
        yield GaugeMetricFamily("bestfill_sockets_open", "WebSockets open.", sockets.connections)
        yield GaugeMetricFamily("bestfill_streams_followed", "Streams followed by them.", sockets.subscriptions)
        yield CounterMetricFamily("bestfill_socket_events_sent", "Events sent over WebSockets.", sockets.events_sent)
        yield CounterMetricFamily("bestfill_sockets_slow_closed", "WebSockets too slow.", sockets.slow_closed)
        if self._counts is not None:
            orders = GaugeMetricFamily("bestfill_orders", "Orders by where they stand.", labels=("state",))
            for state in _STATES:
                orders.add_metric((state,), getattr(self._counts, state))
            yield orders
