"""Summary of a run and its JSON form (`summary.json`, schema `rtdash.loadtest/1`)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rtdash.loadtest.plan.metrics import METRICS
from rtdash.loadtest.plan.slo import Verdict
from rtdash.loadtest.verdict.baseline import Comparison
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.validity import why_no_verdict

SCHEMA = "rtdash.loadtest/1"


class RunEnding(StrEnum):
    """Ending of a run."""

    HELD = "held"
    BROKEN = "broken"
    INVALID = "invalid"
    INTERRUPTED = "interrupted"
    UNREACHABLE = "unreachable"


EXIT_CODES = {
    RunEnding.HELD: 0,
    RunEnding.BROKEN: 99,
    RunEnding.INVALID: 98,
    RunEnding.INTERRUPTED: 130,
    RunEnding.UNREACHABLE: 3,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a run: the content of all reports."""

    scenario: str
    about: str
    started_at: str
    duration_s: float
    server: dict[str, Any]
    generator: dict[str, Any]
    phases: list[PhaseResult]
    verdicts: list[Verdict]
    is_interrupted: bool = False
    comparisons: list[Comparison] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """Of the machine, by name, in words."""

    @property
    def invalid(self) -> list[str]:
        """Return why the run says nothing about the server."""
        return why_no_verdict(self.phases, self.verdicts)

    @property
    def server_gone(self) -> str | None:
        """Return how the server was lost for good in mid-run, if it was."""
        return next(
            (f"{phase.name}: {phase.server_gone}" for phase in self.phases if phase.server_gone),
            None,
        )

    @property
    def why_no_verdict(self) -> list[str]:
        """Return why the verdicts don't count, if they don't."""
        return [*([self.server_gone] if self.server_gone else []), *self.invalid]

    @property
    def ending(self) -> RunEnding:
        """Return how the run ended; an invalid run is neither held nor broken."""
        if self.is_interrupted:
            return RunEnding.INTERRUPTED
        if self.server_gone:
            return RunEnding.UNREACHABLE
        if self.invalid:
            return RunEnding.INVALID
        is_broken = any(verdict.fails for verdict in self.verdicts) or any(
            one.fails for one in self.comparisons
        )
        return RunEnding.BROKEN if is_broken else RunEnding.HELD

    def to_json(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "about": self.about,
            "startedAt": self.started_at,
            "durationS": round(self.duration_s, 1),
            "ending": self.ending.value,
            "exitCode": EXIT_CODES[self.ending],
            "server": self.server,
            "generator": self.generator,
            "environment": self.environment,
            "serverGone": self.server_gone,
            "invalid": self.invalid,
            "slos": [_verdict_json(verdict) for verdict in self.verdicts],
            "baseline": [one.to_json() for one in self.comparisons],
            "phases": [_phase_json(phase) for phase in self.phases],
        }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    slo = verdict.slo
    return {
        "slo": str(slo),
        "phase": verdict.phase,
        "metric": slo.metric,
        "statistic": slo.statistic,
        "op": slo.op,
        "value": slo.value,
        "level": slo.level,
        "measured": verdict.measured,
        "outcome": verdict.outcome.value,
    }


def _phase_json(phase: PhaseResult) -> dict[str, Any]:
    measures = [
        {
            "metric": name,
            "scope": scope,
            "unit": METRICS[name].unit,
            "values": {key: round(value, 4) for key, value in values.items()},
        }
        for name, scope, values in phase.measures.items()
    ]
    return {
        "name": phase.name,
        "findings": phase.findings,
        "notes": phase.notes,
        "measures": measures,
    }
