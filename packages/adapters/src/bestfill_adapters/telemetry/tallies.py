"""Counts and distributions that cost next to nothing: numbers in lists, made into metrics when they are asked for.

Nothing is locked: all that belongs to one set of label values is told by one thread.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

MOST: Final = 200
"""So many sets of label values a metric has at the most; what comes beyond counts as `other`."""

Labels: TypeAlias = tuple[str, ...]


class Count:
    """How often something happened, by labels; `known` sets of their values are shown from the start, as 0."""

    def __init__(self, name: str, says: str, labels: Labels = (), known: Iterable[Labels] = ()) -> None:
        self._name, self._help, self._labels = name, says, labels
        self._counts: dict[Labels, int] = dict.fromkeys(known if labels else [()], 0)

    def add(self, values: Labels = (), times: int = 1) -> None:
        """Count."""
        counts = self._counts
        if values not in counts and len(counts) >= MOST:
            values = ("other",) * len(self._labels)
        counts[values] = counts.get(values, 0) + times

    def metric(self) -> Metric:
        """Give it in Prometheus' form."""
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for values, count in list(self._counts.items()):
            family.add_metric(values, count)
        return family


class Spread:
    """How numbers are distributed, by labels: a histogram with these upper bounds."""

    def __init__(
        self, name: str, says: str, bounds: Sequence[float], labels: Labels = (), known: Iterable[Labels] = ()
    ) -> None:
        self._name, self._help, self._labels, self._bounds = name, says, labels, bounds
        self._rows: dict[Labels, list[float]] = {}
        for values in known if labels else [()]:
            self._row(values)

    def add(self, value: float, values: Labels = ()) -> None:
        """Take a number."""
        row = self._rows.get(values) or self._row(values)
        row[bisect_left(self._bounds, value)] += 1
        row[-1] += value

    def metric(self) -> Metric:
        """Give it in Prometheus' form."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        ends = [*map(_text, self._bounds), "+Inf"]
        for values, row in list(self._rows.items()):
            family.add_metric(values, list(zip(ends, accumulate(row[:-1]), strict=True)), row[-1])
        return family

    def _row(self, values: Labels) -> list[float]:
        """Give the counts up to each bound and beyond the last, and the sum."""
        if len(self._rows) >= MOST:
            values = ("other",) * len(self._labels)
        return self._rows.setdefault(values, [0] * (len(self._bounds) + 1) + [0.0])


def _text(bound: float) -> str:
    return str(float(bound))
