"""The states of a client's connection, as the application sees them."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a connection stands. Only in `LIVE` is what was received the present."""

    CONNECTING = "connecting"
    REPLAYING = "replaying"
    LIVE = "live"
    POLLING = "polling"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """The connection is in that state now, for the reason in `detail`; `retry_in_s`: until the next
    attempt, where one is waited for.
    """

    state: State
    detail: str | None = None
    retry_in_s: float | None = None
