"""SLOs, read from TOML, and the verdict on each. What can't be understood is an error, never a
pass.
"""

import operator
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rtdash.loadtest.plan.metrics import METRICS, Kind, Measures
from rtdash.protocol.channels import Channel
from rtdash.text_files import NotText, read_text_file

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
LIVE = frozenset(
    {
        "delivery_latency",
        "errors",
        "connect_failures",
        "publish_failures",
        "invalid",
        "sessions_forgotten",
    }
)
"""Metrics that are known while the run goes on, so that their SLOs may abort it."""


class NotUsable(Exception):  # noqa: N818
    """Raised for a scenario or SLO file that can't be read or understood; the text says where and
    why.
    """

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class Slo(BaseModel):
    """SLO: one `[[slo]]` table. `scope` is a phase's name or a channel; without it every phase in
    which the metric is measured must hold.

    `optional`: not measured is not broken. `abort`: a run that breaks it for five seconds ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    statistic: str
    op: Literal["<", "<=", ">", ">=", "=="]
    value: float = Field(allow_inf_nan=False)
    scope: str | None = None
    level: Literal["fail", "warn"] = "fail"
    abort: bool = False
    optional: bool = False

    def __str__(self) -> str:
        unit = METRICS[self.metric].unit
        scope = f" ({self.scope})" if self.scope else ""
        return (
            f"{self.metric} {self.statistic} {self.op}"
            f" {self.value:g}{' ' + unit if unit else ''}{scope}"
        )

    def holds(self, measured: float) -> bool:
        """Return whether a value holds the SLO."""
        return _OPERATORS[self.op](measured, self.value)


class SloOutcome(StrEnum):
    """Outcome of an SLO."""

    HELD = "held"
    BROKEN = "broken"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one SLO in one phase."""

    slo: Slo
    phase: str
    measured: float | None
    outcome: SloOutcome

    @property
    def fails(self) -> bool:
        """Return whether this breaks the run."""
        missing_counts = self.outcome is SloOutcome.NOT_MEASURED and not self.slo.optional
        return self.slo.level == "fail" and (self.outcome is SloOutcome.BROKEN or missing_counts)


class Allowance(BaseModel):
    """Allowance against a baseline (`[baseline]`): by which share a value may be worse before it
    counts, and as what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: float = Field(0.25, ge=0, allow_inf_nan=False)
    level: Literal["fail", "warn"] = "warn"


@dataclass(frozen=True, slots=True)
class SloFile:
    """Content of an SLO file."""

    slos: tuple[Slo, ...]
    allowance: Allowance


def read_slos(path: Path) -> SloFile:
    """Read the SLOs of a file. Raises NotUsable."""
    table = read_toml(path)
    if not set(table) <= {"slo", "baseline"} or not isinstance(table.get("slo"), list):
        raise NotUsable(
            path, "expected [[slo]] tables, perhaps a [baseline] table, and nothing else"
        )
    try:
        allowance = Allowance.model_validate(table.get("baseline", {}))
    except ValidationError as error:
        raise NotUsable(path, f"baseline: {explain(error)}") from None
    return SloFile(
        tuple(_read(path, number, table) for number, table in enumerate(table["slo"], 1)), allowance
    )


def check_scopes(slos: Sequence[Slo], phases: Sequence[str], path: Path) -> None:
    """Raise NotUsable where a scope names neither a phase of the run nor a channel."""
    for slo in slos:
        if slo.scope is not None and slo.scope not in {*phases, *Channel}:
            raise NotUsable(
                path, f"scope {slo.scope!r} is neither a phase ({', '.join(phases)}) nor a channel"
            )


def judge(slos: Sequence[Slo], phases: Mapping[str, Measures]) -> list[Verdict]:
    """Judge every SLO in every phase that it is about; one that was measured nowhere gets one
    verdict.
    """
    verdicts: list[Verdict] = []
    for slo in slos:
        found = [
            Verdict(
                slo, phase, measured, SloOutcome.HELD if slo.holds(measured) else SloOutcome.BROKEN
            )
            for phase, measures in phases.items()
            if (measured := _measured(slo, phase, measures)) is not None
        ]
        verdicts += found or [Verdict(slo, slo.scope or "all", None, SloOutcome.NOT_MEASURED)]
    return verdicts


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises NotUsable."""
    try:
        return tomllib.loads(read_text_file(path))
    except OSError as error:
        raise NotUsable(path, error.strerror or "can't be read") from None
    except (tomllib.TOMLDecodeError, NotText) as error:
        raise NotUsable(path, str(error)) from None


def explain(error: ValidationError) -> str:
    """Return the first error in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _measured(slo: Slo, phase: str, measures: Measures) -> float | None:
    if slo.scope in set(Channel):
        return measures.get(slo.metric, slo.statistic, slo.scope)
    return measures.get(slo.metric, slo.statistic) if slo.scope in {None, phase} else None


def _read(path: Path, number: int, table: Any) -> Slo:
    try:
        slo = Slo.model_validate(table)
    except ValidationError as error:
        raise NotUsable(path, f"slo {number}: {explain(error)}") from None
    metric = METRICS.get(slo.metric)
    if metric is None:
        alike = get_close_matches(slo.metric, METRICS, 1)
        meant = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(METRICS)}"
        raise NotUsable(path, f"slo {number}: there is no metric {slo.metric!r}; {meant}")
    if slo.statistic not in metric.kind.value:
        raise NotUsable(
            path,
            f"slo {number}: {slo.metric} has no {slo.statistic!r}; it has"
            f" {', '.join(metric.kind.value)}",
        )
    if slo.abort and slo.metric not in LIVE:
        raise NotUsable(
            path,
            f"slo {number}: {slo.metric} is known only at the end; abort goes with"
            f" {', '.join(sorted(LIVE))}",
        )
    if slo.scope in set(Channel) and not metric.is_by_channel:
        by_channel = [
            one.name for one in METRICS.values() if one.is_by_channel and one.kind is Kind.COUNT
        ]
        raise NotUsable(
            path,
            f"slo {number}: {slo.metric} is not measured by channel; by channel there are"
            f" {', '.join(by_channel)}",
        )
    return slo
