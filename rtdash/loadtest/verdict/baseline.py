"""Comparison with an earlier run: relative changes, with an allowance for noise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from rtdash.loadtest.plan.metrics import METRICS, Kind, Measures
from rtdash.loadtest.plan.slo import Allowance, NotUsable, explain
from rtdash.text_files import read_text_file

_BETTER_WHEN_MORE = frozenset({"publish_rate", "delivery_rate", "verified_per_cpu_second", "knee"})
_NOT_COMPARED = frozenset(
    {
        *("connections", "recovered", "faults", "drops", "generator_lag", "generator_cpu"),
        # How much was exercised, where more is no worse:
        *("messages", "state_changes", "new_reservations", "reservation_updates", "repeats"),
        *("upcoming_reservations", "notifications", "batches", "compressed", "rest_reads"),
        *("rights_refused", "slow_consumers"),
        # The machine's:
        *("others_cpu", "cpu_pressure", "memory_pressure", "disk_pressure", "fsync_latency"),
    }
)
_STATISTICS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DURATION: ("p50", "p99"),
    Kind.SPREAD: ("p50", "p90"),
    Kind.TREND: (),  # around zero, where shares mean nothing
    Kind.COUNT: ("total",),
    Kind.SERIES: ("mean",),
    Kind.VALUE: ("value",),
}
_LEAST = {"ms": 1.0, "": 0.0}
"""Differences below it mean nothing, whatever their share."""


class _StoredMeasure(BaseModel):
    metric: str
    scope: str | None
    values: dict[str, float]


class _StoredPhase(BaseModel):
    name: str
    measures: list[_StoredMeasure]


class _Stored(BaseModel):
    """Part of a stored summary.json that is read."""

    scenario: str
    startedAt: str  # noqa: N815 - as it is stored
    ending: str
    phases: list[_StoredPhase]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of one value with the baseline's. `change` is relative; `is_worse` means beyond
    the allowance.
    """

    phase: str
    metric: str
    statistic: str
    before: float
    now: float
    is_worse: bool
    level: str

    @property
    def change(self) -> float:
        """Return the relative change: +0.1 is 10 % more than before; infinite from zero."""
        if self.before:
            return self.now / self.before - 1
        return 0.0 if not self.now else float("inf")

    @property
    def fails(self) -> bool:
        """Return whether this breaks the run."""
        return self.is_worse and self.level == "fail"

    def to_json(self) -> dict[str, Any]:
        """Return the form in summary.json."""
        shown = {
            "phase": self.phase,
            "metric": self.metric,
            "statistic": self.statistic,
            "before": self.before,
            "now": self.now,
        }
        return {**shown, "worse": self.is_worse, "level": self.level}


def read_baseline(path: Path) -> dict[str, Any]:
    """Read an earlier summary.json. Raises NotUsable."""
    try:
        data = json.loads(read_text_file(path))
    except OSError as error:
        raise NotUsable(path, error.strerror or "can't be read") from None
    except ValueError:
        raise NotUsable(path, "is not JSON") from None
    if not isinstance(data, dict) or data.get("schema") != "rtdash.loadtest/1":
        raise NotUsable(path, "is no summary.json of this version of rtdash loadtest")
    try:
        _Stored.model_validate(data)
    except ValidationError as error:
        raise NotUsable(path, f"is no whole summary.json: {explain(error)}") from None
    return data


def compare(
    baseline: Mapping[str, Any], phases: Mapping[str, Measures], allowance: Allowance
) -> list[Comparison]:
    """Compare the values that both runs measured, in the order of the catalogue."""
    comparisons = []
    for phase in baseline["phases"]:
        measures = phases.get(phase["name"])
        for data in phase["measures"] if measures is not None else ():
            metric = METRICS.get(data["metric"])
            if metric is None or data["scope"] is not None or metric.name in _NOT_COMPARED:
                continue
            for statistic in _STATISTICS[metric.kind]:
                now = measures.get(metric.name, statistic) if measures else None
                before = data["values"].get(statistic)
                if now is not None and before is not None:
                    is_worse = _is_worse(metric.name, before, now, allowance.noise)
                    comparisons.append(
                        Comparison(
                            phase["name"],
                            metric.name,
                            statistic,
                            before,
                            now,
                            is_worse,
                            allowance.level,
                        )
                    )
    return comparisons


def _is_worse(name: str, before: float, now: float, noise: float) -> bool:
    more = now - before if name not in _BETTER_WHEN_MORE else before - now
    return more > max(before * noise, _LEAST.get(METRICS[name].unit, 0.0))
