"""The times of a client, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for `polling_after`, which counts failed attempts."""

    frozen_after_s: float = 15
    """A server that is silent for so long, pings included, is given up."""
    answer_within_s: float = 10
    """A subscription that isn't answered in this time is tried on a new connection."""
    quiet_s: float = 0.5
    """A replay is over when nothing has come for so long (or an event younger than the
    connection)."""
    polling_after: int = 3
    """Failed attempts in a row after which REST is polled beside further attempts."""
    stats_every_s: float = 30
    upcoming_every_s: float = 15
    first_delay_s: float = 0.5
    longest_delay_s: float = 30
    settled_s: float = 10
    """A connection that stood for so long starts the backoff anew."""
    longest_wait_s: float = 300
    """A server can't send a client away for longer."""
