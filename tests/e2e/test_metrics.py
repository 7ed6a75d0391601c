"""What an API and a worker really show, held against what operators are given and told."""

import re
from uuid import UUID

import aiohttp
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector import collecting
from tests.deployed import ROOT, STORY, api, environment, until, worker
from tests.operators import check_all_are_there, families, labels_by_sample

OPERATIONS = (ROOT / "docs/operations.md").read_text()


async def test_metrics_and_traces_are_what_operators_are_given_and_told(migrated_url: str, redis_url: str):
    with collecting() as collector:
        # Traces go at once, instead of each few seconds.
        quick = {"BESTFILL_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
        env = environment(migrated_url, redis_url, LOG_LEVEL="info", BESTFILL_METRICS_PORT="0", **quick)
        async with api(env) as front, worker(env) as running, aiohttp.ClientSession() as http:
            order_id = await front.place()
            assert (await front.stories([order_id]))[0][-1] == "confirmed"

            def where() -> list[str]:
                return re.findall(r"http://127\.0\.0\.1:\d+/metrics", "".join(running.said))

            async def all_is_told() -> bool:
                return bool(where()) and {span.name for span in collector.spans} >= {"accept", "order"}

            await until(all_is_told)
            texts = [await (await http.get(url)).text() for url in (f"{front.url}/metrics", *where())]
    check_all_are_there(texts)
    check_documented(texts)
    of_worker = labels_by_sample(texts[1:])
    assert {"bestfill_runner_in_hand", "bestfill_order_seconds_count"} <= of_worker.keys()
    assert not re.search(r"user-123|So1111|[0-9a-f]{8}-[0-9a-f]{4}-7", "".join(texts))
    check_one_trace(order_id, collector.spans)


def check_documented(texts: list[str]) -> None:
    """See that the page's table has each metric with its labels, and no other."""
    table = OPERATIONS.split("### Metrics")[1].split("\n### ")[0]
    rows = [
        (re.findall(r"`(\w+)`", names), set(re.findall(r"`(\w+)`", labels)))
        for names, labels in re.findall(r"^\| (`.*?) \| (.*?) ?\|", table, re.MULTILINE)
    ]
    assert families(texts) == {name for names, _ in rows for name in names}
    shown = labels_by_sample(texts)
    for names, labels in rows:
        for name in names:
            (told,) = {frozenset(shown[end] - {"le"}) for end in (name, f"{name}_count") if end in shown}
            assert told == labels, name


def check_one_trace(order_id: str, spans: list[Span]) -> None:
    """See that the API's part and the worker's are one."""
    assert sorted(span.name for span in spans) == sorted(["accept", "order", *STORY[:-1]])
    assert {span.trace_id for span in spans} == {UUID(order_id).bytes}
    (root,) = [span for span in spans if not span.parent_span_id]
    assert (root.name, {span.parent_span_id for span in spans} - {b""}) == ("order", {root.span_id})
