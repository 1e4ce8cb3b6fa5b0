"""When a flush may begin: at once while flushing is a small part of what the loop does; later under
load, so that several flushes become one larger write.
"""

from collections.abc import Callable

CHEAP_FLUSH_S = 0.0005
"""A flush that costs less is never worth a wait; and what comes within that time of another comes
together with it."""

SPACING = 3.5
"""Flush immediately while messages arrive at least SPACING flush costs apart: each then has a flush
of its own, and all of them take at most two sevenths of the loop's CPU. Where they come closer, a
flush waits until SPACING times its cost have passed since the one before it ended. More events
share each write then, and most of the loop's time is left to others, to clients that come back in a
storm, for instance.
"""

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.004, 0.2
"""Bounds of a pause between two flushes, in seconds."""

LONGEST_CYCLE_S = 0.23
"""From the beginning of a flush to that of the next, which is how long an event may wait that just
missed one. Flushes of more than 0.05 s, of thousands of members, get more than two sevenths of the
loop for that.
"""

LEAST_SPACING = 0.6
"""SPACING that is kept for that all the same."""

LONGEST_GAP_S = 0.5
"""News that come after a longer silence say no more about the traffic."""


class FlushPacer:
    """How far apart messages come, what flushes cost, and when the last one ended.

    Interval and cost are those of the recent past, so that one late message or one slow flush
    changes little. Cost is CPU of the loop's thread (`clock_cpu`), as waiting for a busy machine is
    no reason to wait longer; time is that of `clock_monotonic`. All in seconds.
    """

    __slots__ = (
        "_clock_cpu",
        "_clock_monotonic",
        "_cost_s",
        "_ended_at",
        "_gap_s",
        "_published_at",
        "_started_at_cpu",
    )

    def __init__(
        self, clock_monotonic: Callable[[], float], clock_cpu: Callable[[], float]
    ) -> None:
        self._clock_monotonic = clock_monotonic
        self._clock_cpu = clock_cpu
        self._gap_s = LONGEST_GAP_S
        self._cost_s = self._started_at_cpu = 0.0
        self._published_at = self._ended_at = float("-inf")

    def note_publish(self) -> None:
        """Note that a message waits for a flush."""
        now = self._clock_monotonic()
        gap_s = now - self._published_at
        if gap_s >= CHEAP_FLUSH_S:
            self._published_at = now
            self._gap_s += (min(gap_s, LONGEST_GAP_S) - self._gap_s) / 4

    def start(self) -> None:
        """Note the beginning of a flush."""
        self._started_at_cpu = self._clock_cpu()

    def end(self) -> None:
        """Note the end of a flush."""
        self._cost_s += (self._clock_cpu() - self._started_at_cpu - self._cost_s) / 2
        self._ended_at = self._clock_monotonic()

    def wait_s(self) -> float:
        """Return the seconds until the next flush may begin; 0 for at once."""
        if self._cost_s < CHEAP_FLUSH_S or self._gap_s >= SPACING * self._cost_s:
            return 0.0
        left_s = max(LONGEST_CYCLE_S - self._cost_s, LEAST_SPACING * self._cost_s)
        pause_s = max(SHORTEST_PAUSE_S, min(SPACING * self._cost_s, left_s, LONGEST_PAUSE_S))
        return max(0.0, self._ended_at + pause_s - self._clock_monotonic())
