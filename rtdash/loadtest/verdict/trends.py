"""Trends over a phase: robust slopes with their confidence, so that a slow decline is seen and a
single pause is not. Pure.

The slope is Theil's (1950), the median of the slopes of all pairs of points; its interval is Sen's
(JASA 63, 1968), from the variance of Kendall's statistic.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.observations import Observations

LEAST_POINTS = 8
_MOST_POINTS = 100
"""More are averaged in groups: the pairs of an hour of seconds are millions."""
_Z = 2.576
"""99 % of a normal distribution lie within so many deviations."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Trend:
    """Change a second; it lies between `low` and `high` with a confidence of 99 %."""

    slope: float
    low: float
    high: float


def fit_trend(points: Iterable[tuple[float, float]]) -> Trend | None:
    """Return the trend of values over seconds; None of fewer than LEAST_POINTS."""
    known = _grouped(sorted(points))
    count = len(known)
    if count < LEAST_POINTS:
        return None
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(known)
        for later in known[index + 1 :]
        if later[0] > earlier[0]
    )
    if not slopes:
        return None
    spread = _Z * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, int((len(slopes) - spread) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return Trend(median(slopes), slopes[low], slopes[high])


def add_trends(measures: Measures, observations: Observations) -> None:
    """Add the trends of latency, connecting, memory, and CPU a message."""
    samples = observations.samples
    latency = [(one.at_s, one.floor_ms) for one in samples]
    memory = [(one.at_s, one.server_memory_mib) for one in samples]
    busy = [
        (one.at_s, one.server_cpu / one.received)
        for one in samples
        if one.server_cpu is not None and one.received
    ]
    typical = median(value for _, value in busy) if busy else 0.0
    cpu = [(at, 100 * value / typical) for at, value in busy] if typical else []
    connects = [
        (at, duration_s * 1000)
        for at, duration_s in observations.results.connect_times
        if at >= observations.began_at
    ]
    for name, points in (
        ("latency_trend", _known(latency)),
        ("memory_trend", _known(memory)),
        ("cpu_trend", cpu),
        ("connect_trend", connects),
    ):
        trend = fit_trend(points)
        if trend is not None:
            measures.add_trend(name, trend.slope, trend.low, trend.high)


def _known(points: Iterable[tuple[float, float | None]]) -> list[tuple[float, float]]:
    return [(at, value) for at, value in points if value is not None]


def _grouped(points: Points) -> Points:
    size = math.ceil(len(points) / _MOST_POINTS) or 1
    groups = [points[index : index + size] for index in range(0, len(points), size)]
    return [(fmean(at for at, _ in one), fmean(value for _, value in one)) for one in groups]
