"""Figures, metrics and health."""

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bestfill.errors import StoreError
from bestfill.order import Status
from bestfill.testing.store import MemoryStore
from bestfill_api import health
from tests.unit.api.house import UNKNOWN, House, house


class Down(MemoryStore):
    async def ping(self) -> None:
        raise StoreError("down")

    async def counts(self, *_: object) -> Any:
        raise StoreError("down")


async def test_the_queue_is_counted(api: House) -> None:
    await api.run(await api.place())
    await api.move(await api.place(), Status.ROUTING)
    await api.place()
    await api.http.post(f"/api/orders/{await api.place()}/cancel")
    assert (await api.http.get("/api/queue/stats")).json() == {
        "waitingCount": 1,
        "delayedCount": 0,
        "activeCount": 1,
        "completedCount": 1,
        "failedCount": 1,
        "deadCount": 0,
        "concurrency": 10,
        "halted": False,
    }


async def test_an_order_that_waits_for_its_retry_is_delayed(api: House) -> None:
    await api.run(await api.place(minAmountOut="214"))
    stats = (await api.http.get("/api/queue/stats")).json()
    assert (stats["waitingCount"], stats["delayedCount"]) == (0, 1)


async def test_metrics_are_prometheus_text_with_routes_as_templates(api: House) -> None:
    order_id = await api.place()
    for path in (f"/api/orders/{order_id}", f"/api/orders/{UNKNOWN}", "/nowhere/1", "/nowhere/2"):
        await api.http.get(path)
    await api.http.request("BREW", "/health")
    answer = await api.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (s.name, *sorted(s.labels.items())): s.value
        for f in text_string_to_metric_families(answer.text)
        for s in f.samples
    }
    route = ("route", "/api/orders/{orderId}")
    assert samples["bestfill_http_requests_total", ("method", "GET"), route, ("status", "2xx")] == 1
    assert samples["bestfill_http_requests_total", ("method", "GET"), route, ("status", "4xx")] == 1
    assert samples["bestfill_http_requests_total", ("method", "GET"), ("route", "none"), ("status", "4xx")] == 2
    assert samples["bestfill_http_requests_total", ("method", "other"), ("route", "none"), ("status", "4xx")] == 1
    assert samples["bestfill_orders_accepted_total",] == 1
    assert samples["bestfill_orders", ("state", "waiting")] == 1
    assert samples["bestfill_sockets_open",] == 0


async def test_metrics_come_even_when_the_store_does_not_answer() -> None:
    async with house(store=Down()) as api:
        answer = await api.http.get("/metrics")
        assert answer.status_code == 200
        assert "bestfill_sockets_open" in answer.text
        assert "bestfill_orders{" not in answer.text


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
async def test_a_well_service_says_so(api: House, path: str) -> None:
    answer = await api.http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_lives_but_is_not_ready_without_its_store() -> None:
    async with house(store=Down()) as api:
        assert (await api.http.get("/health/live")).status_code == 200
        for path in ("/health", "/health/ready"):
            answer = await api.http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
            assert answer.json()["detail"] == "no answer from: store"
            assert answer.headers["content-type"] == "application/problem+json"


async def test_it_is_not_ready_without_a_worker() -> None:
    async with house(works=False) as api:
        assert (await api.http.get("/health")).json()["detail"] == "no answer from: queue"


async def test_a_store_that_hangs_does_not_hang_the_check(monkeypatch: pytest.MonkeyPatch) -> None:

    class Hangs(MemoryStore):
        async def ping(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.01)
    async with house(store=Hangs()) as api:
        assert (await api.http.get("/health")).status_code == 503
