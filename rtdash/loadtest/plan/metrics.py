"""The metrics of a run: meaning, unit, and the statistics that an SLO may ask for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from rtdash.loadtest.plan import catalogue
from rtdash.loadtest.plan.histogram import Histogram

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
Value = float
Values = dict[str, Value]
"""Statistic → value, in the metric's unit."""


class Kind(Enum):
    """Kind of a metric; the value names its statistics."""

    DURATION = ("p50", "p90", "p95", "p99", "p999", "max", "mean", "count")
    SPREAD = ("p50", "p90")
    TREND = ("slope", "low", "high")
    COUNT = ("total",)
    SERIES = ("mean", "max", "min")
    VALUE = ("value",)


@dataclass(frozen=True, slots=True)
class Metric:
    """Definition of a metric."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    is_by_channel: bool = False


def _definitions() -> Iterator[Metric]:
    for name, meaning in catalogue.DURATIONS.items():
        yield Metric(name, Kind.DURATION, "ms", meaning)
    for name, meaning in catalogue.SPREADS.items():
        yield Metric(name, Kind.SPREAD, "ms", meaning)
    for name, meaning in catalogue.COUNTS_BY_CHANNEL.items():
        yield Metric(name, Kind.COUNT, "", meaning, is_by_channel=True)
    for name, meaning in catalogue.COUNTS.items():
        yield Metric(name, Kind.COUNT, "", meaning)
    for kind, metrics in (
        (Kind.TREND, catalogue.TRENDS),
        (Kind.SERIES, catalogue.SERIES),
        (Kind.VALUE, catalogue.VALUES),
    ):
        for name, (unit, meaning) in metrics.items():
            yield Metric(name, kind, unit, meaning)


METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _definitions()}
_ORDER = {name: number for number, name in enumerate(METRICS)}


@dataclass(slots=True)
class Measures:
    """Values by metric and scope: None for all of a phase, or a channel."""

    values: dict[tuple[str, str | None], Values] = field(default_factory=dict)

    def add_durations(self, name: str, histogram: Histogram) -> None:
        """Add a histogram; an empty one adds nothing."""
        if histogram.count:
            self._add(name, None, describe(histogram))

    def add_count(self, name: str, total: float, channel: str | None = None) -> None:
        """Add a count, zero included."""
        self._add(name, channel, {"total": total})

    def add_series(self, name: str, values: Iterable[float]) -> None:
        """Add a series; an empty one adds nothing."""
        known = list(values)
        if known:
            self._add(
                name, None, {"mean": sum(known) / len(known), "max": max(known), "min": min(known)}
            )

    def add_value(self, name: str, value: float) -> None:
        """Add one number."""
        self._add(name, None, {"value": value})

    def add_spread(self, name: str, spreads: Values) -> None:
        """Add the spreads of some quantiles."""
        self._add(name, None, spreads)

    def add_trend(self, name: str, slope: float, low: float, high: float) -> None:
        """Add a change a second and the interval in which it lies."""
        self._add(name, None, {"slope": slope, "low": low, "high": high})

    def get(self, name: str, statistic: str, scope: str | None = None) -> Value | None:
        """Return a value, or None when it wasn't measured."""
        return self.values.get((name, scope), {}).get(statistic)

    def items(self) -> Iterator[tuple[str, str | None, Values]]:
        """Yield all values in the order of the catalogue."""
        for (name, scope), values in sorted(
            self.values.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1] or "")
        ):
            yield name, scope, values

    def _add(self, name: str, scope: str | None, values: Values) -> None:
        assert set(values) == set(METRICS[name].kind.value), (
            "what is measured is what the catalogue says"
        )
        self.values[name, scope] = values


def describe(histogram: Histogram) -> Values:
    """Return a histogram's statistics, in milliseconds."""
    values = {name: histogram.quantile(share) * 1000 for name, share in QUANTILES.items()}
    return values | {
        "max": histogram.max_s * 1000,
        "mean": histogram.mean_s * 1000,
        "count": histogram.count,
    }
