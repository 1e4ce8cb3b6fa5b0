"""Figures of the hot path: plain numbers of the event loop's thread, which become Prometheus'
metrics when they are asked for.

A counter or histogram of the library takes its lock and several calls for each observation; a
booking makes a dozen of them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

BOUNDS_S = (
    0.0001,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of the buckets of all timings; a last one takes what is longer."""

_LIMITS = [*map(str, BOUNDS_S), "+Inf"]


class CounterInstrument(Collector):
    """A counter by the values of its labels."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()
    ) -> None:
        self._about = (name, text)
        self._labels = labels
        self._counts: Counter[tuple[str, ...]] = Counter()
        if not labels:
            self._counts[()] = 0  # shown from the start
        registry.register(self)

    def add(self, number: int = 1, *values: str) -> None:
        """Count so many more for these values of the labels."""
        self._counts[values] += number

    def collect(self) -> Iterable[Metric]:
        """As the library shows it."""
        family = CounterMetricFamily(*self._about, labels=self._labels)
        for values, number in self._counts.items():
            family.add_metric(values, number)
        yield family


class HistogramInstrument(Collector):
    """A histogram of seconds, by the value of its label if it has one."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, label: str = "") -> None:
        self._about = (name, text)
        self._labels = [label] if label else []
        self._timings: dict[str, _Histogram] = {}
        if not label:
            self._timings[""] = _Histogram()
        registry.register(self)

    def observe(self, seconds: float, value: str = "") -> None:
        """One more, for this value of the label."""
        timing = self._timings.get(value)
        if timing is None:
            timing = self._timings[value] = _Histogram()
        timing.counts[bisect_left(BOUNDS_S, seconds)] += 1
        timing.total_s += seconds

    def collect(self) -> Iterable[Metric]:
        """As the library shows it."""
        family = HistogramMetricFamily(*self._about, labels=self._labels)
        for value, timing in self._timings.items():
            buckets = list(zip(_LIMITS, accumulate(timing.counts), strict=True))
            family.add_metric([value] if self._labels else [], buckets, timing.total_s)
        yield family


class _Histogram:
    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * len(_LIMITS)
        self.total_s = 0.0
