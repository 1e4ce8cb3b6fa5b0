"""Findings of the checks of REST."""

from collections import Counter
from dataclasses import dataclass, field

from rtdash.loadtest.generator.account import EXAMPLES
from rtdash.loadtest.plan.histogram import Histogram


@dataclass(slots=True)
class RestFindings:
    """Findings about REST, and how much was read."""

    reads: int = 0
    disagreements: int = 0
    examples: list[str] = field(default_factory=list)
    read_time: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter)
    """Reads that the server failed to answer, by path and reason."""

    def add(self, text: str) -> None:
        """Record a disagreement."""
        self.disagreements += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"rest_disagrees: {text}")
