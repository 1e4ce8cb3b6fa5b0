"""Context of all measurements: where programs and data go, how much is measured, and what could not
be.
"""

from dataclasses import dataclass, field
from pathlib import Path

Figures = dict[str, float]
HELLO = '{"action":"subscribe","channels":["restaurant_reservations"]}'
RATE = 40
"""Single bookings a second."""


@dataclass(frozen=True, slots=True)
class Bench:
    """`scale` 1.0 measures as documented. `missing`: figures that could not be measured, and what
    they need.
    """

    directory: Path
    scale: float
    missing: dict[str, str] = field(default_factory=dict)

    def size(self, number: int) -> int:
        """So many, scaled."""
        return max(20, int(number * self.scale))

    @property
    def data(self) -> Path:
        """A store's directory; each server starts anew in it."""
        return self.directory / "data"


@dataclass(frozen=True, slots=True)
class Target:
    """Bound that a figure must reach."""

    operator: str
    value: float

    def is_reached(self, figure: float) -> bool:
        """Whether the figure does."""
        return figure <= self.value if self.operator == "≤" else figure >= self.value

    def __str__(self) -> str:
        return f"{self.operator} {self.value:,g}"


def at_most(value: float) -> Target:
    """A bound from above."""
    return Target("≤", value)


def at_least(value: float) -> Target:
    """A bound from below."""
    return Target("≥", value)
