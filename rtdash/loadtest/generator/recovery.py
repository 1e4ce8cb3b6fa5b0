"""Recovery of one client from the loss of its connection."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Recovery:
    """Loss of a connection and the recovery from it. `port`: the client's own port on the
    connection that was lost.
    """

    port: int
    detected_at: float
    cause: str = "lost"
    began_at: float | None = None
    """When the client itself brought it about; faults from outside are matched by port."""
    attempts: int = 0
    reconnected_at: float | None = None
    subscribed_at: float | None = None
    consistent_at: float | None = None
    client: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON for another process."""
        return asdict(self)
