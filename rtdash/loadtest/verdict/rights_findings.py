"""Findings of the client beside the load that asks for more than its token allows, and leaves
channels that it follows.
"""

from dataclasses import dataclass, field

_EXAMPLES = 8


@dataclass(slots=True)
class RightsFindings:
    """Requests that were refused as they must be, and those that were not."""

    probes: int = 0
    """Tokens of fewer rights that were in use."""
    refused: int = 0
    violations: int = 0
    unasked: int = 0
    """Messages of channels that it had left."""
    examples: list[str] = field(default_factory=list)

    def violate(self, text: str) -> None:
        """Record a right that was not kept, with its first examples in words."""
        self.violations += 1
        self._show(f"rights_violated: {text}")

    def hear_unasked(self, text: str) -> None:
        """Record a message of a channel that the client had left."""
        self.unasked += 1
        self._show(f"unexpected: {text}")

    def _show(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)
