"""Result of one phase."""

from dataclasses import dataclass

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.samples import Sample


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """Result of one phase: its measures, findings and reasons to be invalid."""

    name: str
    measures: Measures
    findings: list[str]
    invalid: list[str]
    samples: list[Sample]
    notes: list[str]
    server_gone: str | None = None
    """How the server was lost for good in it, if it was."""
    is_whole: bool = True
    """Whether it came to its end."""
    is_starved: bool = False
    """Whether it is invalid only because the generator was the bottleneck, so that it may be worth
    another try."""
