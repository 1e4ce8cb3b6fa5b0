"""Findings of the checks of REST."""

from dataclasses import dataclass, field

from rtdash.loadtest.generator.account import EXAMPLES


@dataclass(slots=True)
class RestFindings:
    """Findings about REST, and how much was read."""

    reads: int = 0
    disagreements: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Record a disagreement."""
        self.disagreements += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"rest_disagrees: {text}")
