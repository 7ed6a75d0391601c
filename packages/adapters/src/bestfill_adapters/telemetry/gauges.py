"""Numbers that others keep, read when they are asked for."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bestfill_adapters.telemetry.tallies import Labels


class Gauges(Collector):
    """Shows them in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges: dict[str, tuple[str, Labels, Callable[[], Mapping[Labels, float]]]] = {}
        registry.register(self)

    def show(self, name: str, says: str, read: Callable[[], float]) -> None:
        """Show one number from now on."""
        self.show_each(name, says, (), lambda: {(): read()})

    def show_each(self, name: str, says: str, labels: Labels, read: Callable[[], Mapping[Labels, float]]) -> None:
        """Show a number for each set of the labels' values from now on."""
        self._gauges[name] = says, labels, read

    def collect(self) -> Iterator[Metric]:
        """Read them all."""
        for name, (says, labels, read) in list(self._gauges.items()):
            family = GaugeMetricFamily(name, says, labels=labels)
            for values, number in read().items():
                family.add_metric(values, number)
            yield family
