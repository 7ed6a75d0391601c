"""One trace an order, whoever had it in hand; and a collector that is away disturbs nobody."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bestfill.order import Order
from bestfill.testing.samples import NOW, request
from bestfill_adapters.telemetry import otel
from bestfill_adapters.telemetry.otel import OtelTelemetry
from tests.collector import collecting
from tests.watched import Watched

WAIT_S = 20


@contextmanager
def as_before() -> Iterator[None]:
    """Have the library's loggers as they were."""
    logger = logging.getLogger("opentelemetry")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    with as_before():
        yield


async def spans_of(*orders: str, **network: object) -> tuple[Order, list[ReadableSpan]]:
    """Run an order, and give its spans as they were exported."""
    exporter = InMemorySpanExporter()
    telemetry = OtelTelemetry(lambda: exporter)
    telemetry.start()
    order = await Watched(telemetry, **network).execute()
    await telemetry.close()
    return order, [*exporter.get_finished_spans()]


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


async def test_an_order_is_one_trace_whose_id_is_its_own():
    order, spans = await spans_of()
    assert [span.name for span in spans] == ["accept", "pending", "routing", "building", "submitted", "order"]
    assert {span.context.trace_id for span in spans} == {UUID(order.id).int}
    root = named(spans, "order")
    assert root.parent is None
    assert {span.parent.span_id for span in spans if span is not root} == {root.context.span_id}
    ids = [span.context.span_id for span in spans]
    assert len(set(ids)) == len(ids) and all(0 < number < 2**64 for number in ids)
    assert (root.start_time, root.end_time) == (order.created_at * 10**6, order.updated_at * 10**6)
    states = [span for span in spans if span.name not in ("accept", "order")]
    assert states[0].start_time == root.start_time and states[-1].end_time == root.end_time
    assert [span.end_time for span in states[:-1]] == [span.start_time for span in states[1:]]


async def test_spans_say_where_how_often_and_why_and_nothing_else():
    order, spans = await spans_of(reverts=True)
    assert [span.name for span in spans].count("submitted") == 3
    root = named(spans, "order")
    assert dict(root.attributes or {}) == {
        "bestfill.attempt": 3,
        "bestfill.dex": "better",
        "bestfill.code": "EXECUTION_ERROR",
        "bestfill.status": "failed",
    }
    assert root.status.status_code is StatusCode.ERROR
    tries = [dict(span.attributes or {}) for span in spans if span.name == "submitted"]
    assert [told["bestfill.attempt"] for told in tries] == [1, 2, 3]
    assert {told["bestfill.code"] for told in tries} == {"EXECUTION_ERROR"}
    assert named(spans, "accept").status.status_code is StatusCode.OK
    text = " ".join(span.to_json() for span in spans)
    assert order.user_id not in text and str(order.amount_in) not in text


async def test_a_worker_that_is_killed_leaves_no_hole():
    class Killed(BaseException):
        pass

    async def die(_: object) -> None:
        raise Killed

    exporters = InMemorySpanExporter(), InMemorySpanExporter()
    first, second = (OtelTelemetry(lambda exporter=exporter: exporter) for exporter in exporters)
    first.start()
    second.start()
    watched = Watched(first)
    order = await watched.engine.place(request())
    send, watched.network.send = watched.network.send, die
    with suppress(Killed):
        await watched.engine.run(order.id)
    watched.network.send = send
    order = await watched.run(await watched.store.get(order.id), watched.another(second))
    await first.close()
    await second.close()
    told = [[span.name for span in exporter.get_finished_spans()] for exporter in exporters]
    assert told == [["accept", "pending", "routing", "building"], ["submitted", "order"]]
    last, root = exporters[1].get_finished_spans()
    assert last.parent is not None and last.parent.span_id == root.context.span_id
    assert last.start_time == exporters[0].get_finished_spans()[-1].end_time
    assert root.start_time == NOW * 10**6


async def test_what_is_told_before_the_start_or_after_the_end_is_dropped():
    exporter = InMemorySpanExporter()
    telemetry = OtelTelemetry(lambda: exporter)
    watched = Watched(telemetry)
    await watched.execute()
    await telemetry.close()
    telemetry.start()
    await telemetry.close()
    await telemetry.close()
    await watched.execute()
    assert not exporter.get_finished_spans()


async def test_a_collector_gets_them_by_otlp_over_http():
    with collecting() as collector:
        telemetry = OtelTelemetry(otel.collector(collector.url))
        telemetry.start()
        order = await Watched(telemetry).execute()
        await telemetry.close()
    assert (collector.paths, collector.services) == ({"/v1/traces"}, {"bestfill"})
    assert {span.trace_id for span in collector.spans} == {UUID(order.id).bytes}
    assert {span.name for span in collector.spans} >= {"order", "pending", "submitted"}


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Give what was logged of traces, by us or by the library."""
    return [one for one in caplog.records if one.name.startswith(("bestfill_adapters.telemetry", "opentelemetry"))]


class Away(SpanExporter):
    """Takes nothing until it is told to."""

    def __init__(self) -> None:
        self.up, self.tried = False, threading.Semaphore(0)

    def export(self, spans: object) -> SpanExportResult:
        self.tried.release()
        if not self.up:
            raise OSError("http://user:hunter2@collector")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


async def test_a_collector_that_is_away_is_told_of_once_and_again_when_it_is_back(caplog: pytest.LogCaptureFixture):
    away = Away()
    telemetry = OtelTelemetry(lambda: away)
    telemetry.start()
    watched = Watched(telemetry)
    processor = telemetry._processor
    assert processor is not None
    with caplog.at_level(logging.INFO, "bestfill_adapters.telemetry"):
        for up in (False, False, True, True):
            away.up = up
            await watched.execute()
            await asyncio.to_thread(processor.force_flush)
        away.up = False
        await watched.execute()
    await telemetry.close()
    assert [record.message for record in told(caplog)] == [
        "traces not exported; they are dropped until they can be",
        "traces are exported again",
        "traces not exported; they are dropped until they can be",
    ]
    assert "hunter2" not in caplog.text


async def test_a_port_on_which_nobody_listens_neither_floods_the_log_nor_holds_up_the_end(caplog, monkeypatch):
    monkeypatch.setattr(otel, "CLOSING_S", 0.2)
    with collecting() as collector:
        pass
    telemetry = OtelTelemetry(otel.collector(collector.url))
    telemetry.start()
    order = await Watched(telemetry).execute()
    assert order.status.terminal
    await asyncio.wait_for(telemetry.close(), WAIT_S)
    assert [record.levelname for record in told(caplog)] == ["WARNING"]
    assert "traces-end" not in [thread.name for thread in threading.enumerate()]
