"""Figures of the queue, of the WebSockets and of the last minutes, and Prometheus metrics."""

from collections.abc import Awaitable, Callable, Mapping

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from bestfill.errors import QueueError, StoreError
from bestfill.ports import Clock, OrderStore
from bestfill_adapters.telemetry.instruments import CONTENT_TYPE
from bestfill_api import openapi
from bestfill_api.activity import Activity
from bestfill_api.dto import ActivityView, QueueStats, SocketStats
from bestfill_api.edge.guard import ADMIN, READ
from bestfill_api.metrics import Metrics
from bestfill_api.stream import Sockets
from bestfill_api.wire import Json


def stats_routes(
    store: OrderStore,
    clock: Clock,
    sockets: Sockets,
    metrics: Metrics,
    activity: Activity,
    concurrency: int,
    queue_depth: Callable[[], Awaitable[Mapping[str, int]]],
    halted: Callable[[], bool],
) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/api/queue/stats", opt=READ, responses=openapi.problems(503))
    async def queue_stats() -> Json[QueueStats]:
        """Count the orders by where they stand, and say whether an operator has halted the engine."""
        counts = await store.counts(clock.now())
        return Json(
            QueueStats(
                waiting_count=counts.waiting,
                delayed_count=counts.delayed,
                active_count=counts.active,
                completed_count=counts.completed,
                failed_count=counts.failed,
                dead_count=counts.attention,
                concurrency=concurrency,
                halted=halted(),
            )
        )

    @get("/api/ws/stats", opt=READ, responses=openapi.problems())
    async def socket_stats() -> Json[SocketStats]:
        """Count the WebSockets of this process."""
        return Json(sockets.stats())

    @get("/api/activity", opt=READ, responses=openapi.problems())
    async def recent_activity() -> Json[ActivityView]:
        """Give what this process has heard of over the last minutes: orders, latencies, venues."""
        return Json(activity.view())

    @get("/metrics", opt=ADMIN, media_type=CONTENT_TYPE, responses=openapi.problems())
    async def prometheus_metrics() -> Response[bytes]:
        """Give all metrics in Prometheus' text format."""
        try:
            counts = await store.counts(clock.now())
        except StoreError:
            counts = None  # the rest is worth having all the more
        try:
            depths = await queue_depth()
        except QueueError:
            depths = None
        return Response(metrics.render(sockets.stats(), counts, depths), headers={"content-type": CONTENT_TYPE})

    return [queue_stats, socket_stats, recent_activity, prometheus_metrics]
