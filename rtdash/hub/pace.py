"""When a flush may begin: at once while flushing is little of what the loop does; later under load, so that it turns into larger writes."""

from collections.abc import Callable

CHEAP_FLUSH_S = 0.0005
"""A flush that costs less is never worth a wait."""

REST_OF_COST = 2
"""A flush goes at once when the one before it ended so many times its cost ago: flushing is at most a third of the loop's CPU then."""

PAUSE_OF_COST = 3
"""One that comes sooner waits until so many times the cost have passed. More events share each write, and most of the loop's time is left
to others, to those who come back in a storm, for instance."""

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.004, 0.2
"""What bounds both."""


class Pace:
    """What the last flush cost, and when it ended.

    Cost is CPU of the loop's thread (`clock_cpu`), as waiting for a busy machine is no reason to wait longer; pauses are
    seconds of `clock_monotonic`.
    """

    __slots__ = ("_clock_cpu", "_clock_monotonic", "_cost_s", "_ended_at", "_started_at_cpu")

    def __init__(self, clock_monotonic: Callable[[], float], clock_cpu: Callable[[], float]) -> None:
        self._clock_monotonic = clock_monotonic
        self._clock_cpu = clock_cpu
        self._started_at_cpu = 0.0
        self._cost_s = 0.0
        self._ended_at = float("-inf")

    def start(self) -> None:
        """A flush begins."""
        self._started_at_cpu = self._clock_cpu()

    def end(self) -> None:
        """It has ended."""
        self._cost_s = self._clock_cpu() - self._started_at_cpu
        self._ended_at = self._clock_monotonic()

    def wait_s(self) -> float:
        """Seconds until the next flush may begin; 0 for at once."""
        if self._cost_s < CHEAP_FLUSH_S:
            return 0.0
        rested_s = self._clock_monotonic() - self._ended_at
        if rested_s >= _bounded(REST_OF_COST * self._cost_s):
            return 0.0
        return _bounded(PAUSE_OF_COST * self._cost_s) - rested_s


def _bounded(pause_s: float) -> float:
    return min(max(SHORTEST_PAUSE_S, pause_s), LONGEST_PAUSE_S)
