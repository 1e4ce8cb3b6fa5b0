"""Findings of the requests beyond a token's rights."""

from dataclasses import dataclass, field

_EXAMPLES = 8


@dataclass(slots=True)
class RightsFindings:
    """Requests that were refused as they must be, and those that were not."""

    probes: int = 0
    """Tokens of fewer rights that were in use."""
    refused: int = 0
    violations: int = 0
    examples: list[str] = field(default_factory=list)

    def violate(self, text: str) -> None:
        """Record a right that was not kept, with its first examples in words."""
        self.violations += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"rights_violated: {text}")
