"""Result of one phase."""

from dataclasses import dataclass, field

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.samples import Sample


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """Result of one phase: its measures, findings and reasons to doubt them."""

    name: str
    measures: Measures
    findings: list[str]
    invalid: list[str]
    """Why nothing in it counts."""
    samples: list[Sample]
    notes: list[str]
    lateness: list[str] = field(default_factory=list)
    """Why nothing in it counts that is a matter of time: the generator was late."""
    excuses: list[str] = field(default_factory=list)
    """Why a broken SLO that is a matter of time doesn't count: the machine was busy."""
    has_gaps: bool = False
    """Whether what was lost lies between events that came, so that time is no excuse."""
    server_gone: str | None = None
    """How the server was lost for good in it, if it was."""
    is_whole: bool = True
    """Whether it came to its end."""
    may_repeat: bool = True
    """Whether another try may be worth it, where it is invalid."""
