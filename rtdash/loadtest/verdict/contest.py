"""Contest of two servers, run in turns: the ratio of each measure with its confidence. Pure.

Each round gives a ratio B/A. Their logarithms are averaged; the interval is Student's, with a
confidence of 95 %.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, median, stdev

from rtdash.loadtest.plan.metrics import METRICS
from rtdash.loadtest.verdict.summary import EXIT_CODES, RunEnding, Summary

_COMPARED = (
    ("delivery_latency", "p50"),
    ("delivery_latency", "p99"),
    ("publish_latency", "p50"),
    ("publish_latency", "p99"),
    ("connect_time", "p50"),
    ("subscribe_time", "p50"),
    ("pong_time", "p50"),
    ("http_latency", "p50"),
    ("t_consistent", "p50"),
    ("delivery_rate", "mean"),
    ("server_cpu_per_message", "value"),
    ("server_memory", "max"),
    ("knee", "value"),
)
_BETTER_WHEN_MORE = frozenset({"delivery_rate", "knee"})
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Quantiles 0.975 for 1 to 10 degrees of freedom; 2.2 to 1.96 beyond."""
_STUDENT_BEYOND = 2.2


@dataclass(frozen=True, slots=True)
class Round:
    """One run of each side."""

    a: Summary
    b: Summary


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio B/A of one measure: its mean, and the interval in which it lies."""

    phase: str
    metric: str
    statistic: str
    a: float
    b: float
    mean: float
    low: float
    high: float
    is_worse: bool

    @property
    def name(self) -> str:
        """Return metric, statistic and unit."""
        unit = METRICS[self.metric].unit
        return f"{self.metric} {self.statistic}{f' ({unit})' if unit else ''}"


@dataclass(frozen=True, slots=True)
class Contest:
    """All whole rounds. `allow`: by which share B may be worse than A."""

    rounds: tuple[Round, ...]
    allow: float
    is_interrupted: bool = False
    """Whether it was ended by hand."""

    @property
    def ratios(self) -> list[Ratio]:
        """Return the ratio of each measure that both sides have in every round."""
        return list(self._ratios())

    @property
    def exit_code(self) -> int:
        """Return 0 when B is no worse, 99 when it is or breaks an SLO that A holds; 98, 130 or 3
        when the runs say nothing.
        """
        if self.is_interrupted:
            return EXIT_CODES[RunEnding.INTERRUPTED]
        if any(RunEnding.UNREACHABLE in {one.a.ending, one.b.ending} for one in self.rounds):
            return EXIT_CODES[RunEnding.UNREACHABLE]
        if self.broken_by_b:
            return EXIT_CODES[RunEnding.BROKEN]
        if self.void:
            return EXIT_CODES[RunEnding.INVALID]
        is_worse = any(ratio.is_worse for ratio in self.ratios)
        return EXIT_CODES[RunEnding.BROKEN if is_worse else RunEnding.HELD]

    @property
    def needs_more(self) -> bool:
        """Return whether B is worse by nothing but ratios, which may be chance."""
        is_broken = self.exit_code == EXIT_CODES[RunEnding.BROKEN]
        return is_broken and not self.broken_by_b

    @property
    def broken_by_b(self) -> list[str]:
        """Return the SLOs, by phase, that B breaks and A holds in every round, in words."""
        a, b = (
            dict.fromkeys(
                f"{verdict.phase}: {verdict.slo}"
                for one in self.rounds
                if getattr(one, side).ending is RunEnding.BROKEN
                for verdict in getattr(one, side).verdicts
                if verdict.fails
            )
            for side in ("a", "b")
        )
        return [text for text in b if text not in a]

    @property
    def void(self) -> list[str]:
        """Return why the runs say nothing. A busy machine is no reason: it hits both sides, and
        widens the intervals.
        """
        return [
            reason
            for one in self.rounds
            for summary in (one.a, one.b)
            for phase in summary.phases
            for reason in phase.invalid
        ]

    def _ratios(self) -> Iterator[Ratio]:
        if not self.rounds:
            return
        for phase in (one.name for one in self.rounds[0].a.phases):
            for metric, statistic in _COMPARED:
                pairs = [self._pair(one, phase, metric, statistic) for one in self.rounds]
                known = [pair for pair in pairs if pair is not None]
                if len(known) == len(pairs):
                    yield _ratio(phase, metric, statistic, known, self.allow)

    def _pair(
        self, one: Round, phase: str, metric: str, statistic: str
    ) -> tuple[float, float] | None:
        values = []
        for summary in (one.a, one.b):
            measures = next((each.measures for each in summary.phases if each.name == phase), None)
            value = None if measures is None else measures.get(metric, statistic)
            if not value or value < 0:
                return None
            values.append(value)
        return values[0], values[1]


def _ratio(
    phase: str, metric: str, statistic: str, pairs: list[tuple[float, float]], allow: float
) -> Ratio:
    logs = [math.log(b / a) for a, b in pairs]
    centre = fmean(logs)
    freedom = len(logs) - 1
    if freedom < 1:
        half = math.inf
    else:
        student = _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else _STUDENT_BEYOND
        half = student * stdev(logs) / math.sqrt(len(logs))
    low, high = math.exp(centre - half), math.exp(min(centre + half, 700))
    limit = 1 + allow
    is_worse = high < 1 / limit if metric in _BETTER_WHEN_MORE else low > limit
    return Ratio(
        phase,
        metric,
        statistic,
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        math.exp(centre),
        low,
        high,
        is_worse,
    )
