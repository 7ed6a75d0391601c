"""All that one process shows to its operators."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest

from bestfill.engine.auditor import Auditor
from bestfill.engine.switch import Switch
from bestfill.ports.telemetry import Contained
from bestfill.runner import Runner
from bestfill_adapters.telemetry.gauges import Gauges
from bestfill_adapters.telemetry.lag import LagWatch
from bestfill_adapters.telemetry.prometheus import PrometheusTelemetry
from bestfill_adapters.telemetry.tallies import Labels

if TYPE_CHECKING:
    from bestfill_adapters.telemetry.otel import OtelTelemetry

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

PoolUse: TypeAlias = Callable[[], tuple[int, int, int]]
"""Gives how many connections are taken and free, and how many callers wait for one."""


class Instruments:
    """The metrics of a process, and its traces if there are any; `telemetry` is what to tell.

    Args:
        venues: the names of those in use.
        traces: takes what is told too.
    """

    def __init__(self, venues: Sequence[str], traces: "OtelTelemetry | None" = None) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        metrics = PrometheusTelemetry(self.registry, venues)
        self.telemetry = Contained(metrics) if traces is None else Contained(metrics, traces)
        self._gauges, self._lag, self._traces = Gauges(self.registry), LagWatch(self.telemetry), traces

    def start(self) -> None:
        """Begin to measure the running loop, and to export traces."""
        self._lag.start()
        if self._traces is not None:
            self._traces.start()

    async def close(self) -> None:
        """End, and export what is left, if that goes quickly."""
        async with AsyncExitStack() as last_to_first:
            if self._traces is not None:
                last_to_first.push_async_callback(self._traces.close)
            last_to_first.push_async_callback(self._lag.close)

    def render(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def watch_runner(self, runner: Runner) -> None:
        """Show how full a runner is."""
        show = self._gauges.show
        show("bestfill_runner_places", "Orders that this process runs at once at the most.", lambda: runner.concurrency)
        show("bestfill_runner_in_hand", "Orders that it runs.", lambda: runner.in_hand)
        show("bestfill_runner_waiting", "Orders that wait in it for a place.", lambda: runner.waiting)

    def watch_pools(self, pools: Mapping[str, PoolUse]) -> None:
        """Show how far connections are in use, and how many callers wait for one."""

        def connections() -> dict[Labels, float]:
            states = ("taken", "free", "awaited")
            return {(name, state): n for name, use in pools.items() for state, n in zip(states, use(), strict=True)}

        self._gauges.show_each("bestfill_pool_connections", "Connections of a pool.", ("pool", "state"), connections)

    def watch_control(self, switch: Switch, auditor: Auditor) -> None:
        """Show whether the engine is halted, and how far the audit log is behind."""
        show = self._gauges.show
        show(
            "bestfill_halted", "1 while nothing is signed, or nobody can tell whether it may be.", lambda: switch.halted
        )
        show("bestfill_audit_waiting", "Facts that the audit log has yet to take.", lambda: auditor.waiting)
