"""Traces by OpenTelemetry: one an order, across all processes that had it in hand.

Nobody has to hand a trace on: its id is the order's, and the root span's id follows from it. A span tells of a state
that has ended, and is made by whoever commits the transition that ends it, from the times of the events. So a worker
that is killed leaves no hole: the next one tells of the state in which it died.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from bestfill import __version__
from bestfill.order import Order
from bestfill.order import Status as OrderStatus
from bestfill.ports import Telemetry
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId

QUEUE_MAX: Final = 16_384
"""So many spans wait to be exported; what comes beyond pushes the oldest out."""
EXPORT_S: Final = 5
CLOSING_S: Final = 2.0

_IDS: Final = 2**64
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_ACCEPT: Final = -1
"""Numbers the span of the acceptance; those of states have the number of the event that began the state."""

log = logging.getLogger(__name__)


class OtelTelemetry(Telemetry):
    """Makes spans of transitions, and exports them in the background; what is told before `start` is dropped."""

    def __init__(self, make_exporter: Callable[[], SpanExporter]) -> None:
        self._make_exporter = make_exporter
        self._exporter: _Quiet | None = None
        self._processor: BatchSpanProcessor | None = None
        self._resource = Resource.create({"service.name": "bestfill", "service.version": __version__})

    def start(self) -> None:
        """Begin to export, in this process: what forks must not have begun."""
        # They tell of each span that is dropped, and of each try to reach a collector that is away.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._exporter = _Quiet(self._make_exporter())
        self._processor = BatchSpanProcessor(self._exporter, max_queue_size=QUEUE_MAX)

    async def close(self) -> None:
        """Export what is left, if that takes no longer than CLOSING_S."""
        processor, self._processor = self._processor, None
        exporter = self._exporter
        if processor is None or exporter is None:
            return
        exporter.closing = True
        ending = threading.Thread(target=processor.shutdown, name="traces-end", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSING_S)
        exporter.shutdown()  # breaks off what is still being tried
        await asyncio.to_thread(ending.join, CLOSING_S)

    def accepted(self, order: Order, now: Millis) -> None:
        """Tell how long it took to store the order."""
        self._span(order.id, "accept", _ACCEPT, order.created_at, now, {})

    def moved(self, before: Order, move: Transition) -> None:
        """Tell of the state that has ended, and with the last one of the whole order."""
        order = move.order
        about: dict[str, str | int] = {"bestfill.attempt": before.attempt}
        if (dex := order.dex_selected or before.dex_selected) is not None:
            about["bestfill.dex"] = dex
        if move.failure is not None:
            about["bestfill.code"] = move.failure.code.value
        failed = move.failure is not None
        self._span(order.id, before.status.value, before.seq, before.updated_at, order.updated_at, about, failed=failed)
        if order.status.terminal:
            about["bestfill.status"] = order.status.value
            failed = order.status is OrderStatus.FAILED
            self._span(order.id, "order", 0, order.created_at, order.updated_at, about, failed=failed)

    def _span(
        self,
        order_id: OrderId,
        name: str,
        number: int,
        begun: Millis,
        ended: Millis,
        attributes: Mapping[str, str | int],
        *,
        failed: bool = False,
    ) -> None:
        if (processor := self._processor) is None:
            return
        trace = UUID(order_id).int
        # A span that is made after the fact, with an id that others know: what a tracer is not for.
        processor.on_end(
            ReadableSpan(
                name,
                context=_context(trace, number),
                parent=_context(trace, 0) if number else None,
                resource=self._resource,
                attributes=attributes,
                start_time=begun * 1_000_000,
                end_time=max(begun, ended) * 1_000_000,
                status=Status(StatusCode.ERROR if failed else StatusCode.OK),
            )
        )


def collector(endpoint: str) -> Callable[[], SpanExporter]:
    """Give what makes the way to a collector, at the URL that takes traces."""
    return lambda: OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)


def _context(trace: int, number: int) -> SpanContext:
    """Name a span of an order: the root by the order's own random bits, any other by its number from there."""
    return SpanContext(trace, (trace + number) % _IDS or 1, is_remote=False, trace_flags=_SAMPLED)


class _Quiet(SpanExporter):
    """Says once that spans can't be exported, and once that they can again; gives up at the end if they can't."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._down = False
        self.closing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.closing and self._down:
            return SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
            reason = "the collector does not take them"
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live on
            result, reason = SpanExportResult.FAILURE, type(error).__name__
        down = result is not SpanExportResult.SUCCESS
        if down and not self._down:
            log.warning("traces not exported; they are dropped until they can be", extra={"reason": reason})
        elif self._down and not down:
            log.info("traces are exported again")
        self._down = down
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
