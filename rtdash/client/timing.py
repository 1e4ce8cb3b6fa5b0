"""The times of a client, in one place."""

import sys
from dataclasses import dataclass

NEVER = sys.maxsize
"""The `polling_after` of a client that does not poll."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for `polling_after`, which counts failed attempts. A browser has the same
    (guide: browser, "Times").
    """

    frozen_after_s: float = 15
    """A server that is silent for so long, pings included, is given up; a ping is sent at half of
    it."""
    open_within_s: float = 15
    """A connection that does not stand by then is given up."""
    token_within_s: float = 10
    """A token source that has not answered by then is asked again after the backoff."""
    answer_within_s: float = 10
    """A subscription that isn't answered in this time is tried on a new connection."""
    check_within_s: float = 3
    """After a sleep of the machine an answer to the ping is due in this time."""
    slept_after_s: float = 2
    """A deadline that is noticed later than this means that the machine slept."""
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
    """A connection that was live for so long starts the backoff anew."""
    longest_wait_s: float = 300
    """A server can't send a client away for longer."""
    wake_jitter_s: float = 0.5
    wake_every_s: float = 1
    """A wake brings the next attempt forward, by a random share of the first and at most once in
    the second."""
    hidden_for_s: float = 300
    """A page that is hidden for so long leaves; it comes back by replay."""
