"""What is told becomes metrics, whose labels stay few."""

import asyncio
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bestfill.engine.auditor import Auditor
from bestfill.engine.switch import Switch
from bestfill.errors import NoRoute
from bestfill.ports import Quoted, Telemetry
from bestfill.quote import Quote, QuoteRequest
from bestfill.testing.clock import ManualClock
from bestfill.testing.control import MemoryControl
from bestfill.testing.fakes import FakeVenue
from bestfill.testing.samples import order_id
from bestfill_adapters.container.common import make_instruments
from bestfill_adapters.settings import SettingsError, load
from bestfill_adapters.telemetry.instruments import Instruments
from bestfill_adapters.telemetry.lag import LagWatch
from bestfill_adapters.telemetry.prometheus import PrometheusTelemetry
from bestfill_adapters.telemetry.tallies import MOST, Count, Spread
from tests.watched import Watched


class Scrape:
    """A registry's metrics as Prometheus reads them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.text = generate_latest(registry).decode()
        self.samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def __getitem__(self, name: Any) -> float:
        name, *labels = name if isinstance(name, tuple) else (name,)
        return self.samples[name, *sorted(labels)]


async def run(*venues: FakeVenue, **network: object) -> tuple[Watched, CollectorRegistry]:
    registry = CollectorRegistry()
    watched = Watched(PrometheusTelemetry(registry, ("good", "better")), *venues, **network)
    await watched.execute()
    return watched, registry


async def test_a_whole_order_is_counted():
    _, registry = await run()
    seen = Scrape(registry)
    assert seen["bestfill_orders_accepted_total"] == 1
    assert seen["bestfill_orders_ended_total", "confirmed", "none"] == 1
    assert seen["bestfill_order_seconds_count", "confirmed"] == seen["bestfill_landing_seconds_count"] == 1
    assert seen["bestfill_order_attempts_bucket", "1.0", "confirmed"] == 1
    for state in ("pending", "routing", "building", "submitted"):
        assert seen["bestfill_state_seconds_count", state] == 1
    for venue in ("good", "better"):
        assert [seen["bestfill_quote_seconds_count", venue, q] for q in ("ok", "late", "error")] == [1, 0, 0]
    assert [seen["bestfill_swaps_sent_total", again] for again in ("no", "yes")] == [1, 0]
    assert seen["bestfill_leases_taken_over_total"] == seen["bestfill_orders_flagged_total"] == 0


async def test_retries_and_ends_have_codes_and_a_landing_is_one_that_landed():
    async def refuse(_: QuoteRequest) -> Quote:
        raise NoRoute("no")

    _, registry = await run(reverts=True)
    seen = Scrape(registry)
    assert seen["bestfill_order_retries_total", "EXECUTION_ERROR"] == 2
    assert seen["bestfill_orders_ended_total", "EXECUTION_ERROR", "failed"] == 1
    assert seen["bestfill_order_attempts_sum", "failed"] == 3
    assert seen["bestfill_landing_seconds_count"] == 0
    _, registry = await run(FakeVenue("good", ask=refuse), FakeVenue("sudden", ask=refuse))
    seen = Scrape(registry)
    assert seen["bestfill_orders_ended_total", "ROUTING_ERROR", "failed"] == 1
    assert seen["bestfill_quote_seconds_count", "good", "refused"] == 1
    assert seen["bestfill_quote_seconds_count", "other", "refused"] == 1
    assert "sudden" not in seen.text


async def test_an_order_that_needs_a_person_is_counted_once_and_its_time_too():
    watched, registry = await run(pruned=True)
    seen = Scrape(registry)
    assert seen["bestfill_orders_flagged_total"] == 1
    assert seen["bestfill_state_seconds_count", "submitted"] == 1
    assert ("bestfill_orders_ended_total", "UNKNOWN") not in seen.samples
    assert len(watched.network.sent) == 1


def test_what_is_not_about_orders_is_counted_too():
    registry = CollectorRegistry()
    told = PrometheusTelemetry(registry, ())
    told.grouped("orders-writer", 3, 0.002)
    told.lagged(0.03)
    told.swept([])
    told.refused("key")
    told.limited("ip")
    told.denied("halt", order_id(1))
    told.unaudited(5)
    seen = Scrape(registry)
    assert seen["bestfill_group_size_bucket", "4.0", "orders-writer"] == 1
    assert seen["bestfill_group_size_bucket", "2.0", "orders-writer"] == 0
    assert seen["bestfill_group_seconds_sum", "orders-writer"] == 0.002
    assert seen["bestfill_loop_lag_seconds_bucket", "0.025"] == 0
    assert seen["bestfill_loop_lag_seconds_bucket", "0.05"] == 1
    assert [seen["bestfill_sweeps_total"], seen["bestfill_sweep_finds_total"]] == [1, 0]
    assert seen["bestfill_auth_refusals_total", "key"] == seen["bestfill_limited_total", "ip"] == 1
    assert seen["bestfill_policy_denials_total", "halt"] == 1
    assert seen["bestfill_audit_lost_total"] == 5
    assert order_id(1) not in seen.text


def test_labels_are_bounded_whatever_is_told():
    count, spread = Count("c", "c", ("what",)), Spread("s", "s", (1, 2), ("what", "else"))
    for number in range(10 * MOST):
        count.add((str(number),))
        spread.add(number, (str(number), "x"))
    for made in (count, spread):
        kinds = {
            tuple(sample.labels[name] for name in ("what", "else") if name in sample.labels)
            for sample in made.metric().samples
        }
        assert len(kinds) <= MOST + 1
    totals = {sample.labels["what"]: sample.value for sample in count.metric().samples}
    assert totals["other"] == 9 * MOST and totals["0"] == 1


def test_a_number_on_a_bound_is_within_it():
    spread = Spread("s", "s", (1, 2))
    for number in (0, 1, 1.5, 2, 3):
        spread.add(number)
    values = {sample.labels.get("le", sample.name): sample.value for sample in spread.metric().samples}
    assert values == {"1.0": 2, "2.0": 4, "+Inf": 5, "s_count": 5, "s_sum": 7.5}


async def test_a_process_shows_its_runner_its_pools_and_its_switch():
    class Runner:
        concurrency, in_hand, waiting = 10, 3, 4

    shown = Instruments(["good"])
    shown.watch_runner(Runner())  # pyright: ignore[reportArgumentType]
    shown.watch_pools({"readers": lambda: (1, 3, 7)})
    control = MemoryControl()
    auditor = Auditor(control, ManualClock())
    auditor.note("me", "", "order.place", "x")
    shown.watch_control(Switch(control), auditor)
    shown.start()
    await asyncio.sleep(0)
    await shown.close()
    await shown.close()
    seen = Scrape(shown.registry)
    assert [seen[f"bestfill_runner_{what}"] for what in ("places", "in_hand", "waiting")] == [10, 3, 4]
    assert [seen["bestfill_pool_connections", "readers", state] for state in ("taken", "free", "awaited")] == [1, 3, 7]
    assert seen["bestfill_halted"] == 1  # nobody has said that it is not
    assert seen["bestfill_audit_waiting"] == 1
    assert seen["process_resident_memory_bytes"] > 0
    assert shown.render().decode().count("# TYPE bestfill_build gauge") == 1


async def test_the_loop_s_lag_is_how_late_it_wakes():
    told: asyncio.Queue[float] = asyncio.Queue()

    class Hearer(Telemetry):
        def lagged(self, late_s: float) -> None:
            told.put_nowait(late_s)

    watch = LagWatch(Hearer(), every_s=0.001)
    watch.start()
    assert await asyncio.wait_for(told.get(), 30) >= 0
    await watch.close()


def test_every_outcome_of_a_quote_is_there_before_it_happens():
    registry = CollectorRegistry()
    PrometheusTelemetry(registry, ("good",))
    seen = Scrape(registry)
    assert all(seen["bestfill_quote_seconds_count", "good", outcome] == 0 for outcome in Quoted)


def test_traces_without_their_libraries_are_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "bestfill_adapters.telemetry.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    settings = load({"BESTFILL_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    with pytest.raises(
        SettingsError, match=r"^BESTFILL_OTLP_ENDPOINT: opentelemetry.* install bestfill-adapters\[otel\]"
    ):
        make_instruments(settings, [])
    assert make_instruments(load({}), []).render()
