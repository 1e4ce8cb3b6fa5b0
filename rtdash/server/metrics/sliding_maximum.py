"""Maximum of a figure since each of its readers last asked."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

WINDOW_S = 120.0
"""Seconds of the maximum that a reader gets which has not asked before. Prometheus asks at least as
often.
"""
MAX_READERS = 64
MAX_SAMPLES = 10_000


class SlidingMaximum:
    """Largest value since a reader last asked. Several Prometheus servers don't take each other's
    maximum, as they would if reading reset it.

    Kept are only values that no later one reaches, with their instants: usually a handful.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)
        self._asked_at: OrderedDict[Hashable, float] = OrderedDict()

    def record(self, value: float) -> None:
        """Add a value."""
        now = self._monotonic()
        while self._samples and self._samples[-1][1] <= value:
            self._samples.pop()
        self._samples.append((now, value))
        while self._samples[0][0] < now - WINDOW_S:
            self._samples.popleft()

    def maximum_for(self, reader: Hashable | None) -> float:
        """Return the largest value since `reader` last asked, at most WINDOW_S ago; 0 where there
        is none. None is a reader that is not remembered.
        """
        now = self._monotonic()
        since = max(now - WINDOW_S, self._asked_at.pop(reader, 0.0))
        if reader is not None:
            self._asked_at[reader] = now
            if len(self._asked_at) > MAX_READERS:
                self._asked_at.popitem(last=False)
        # the values decrease, so that the first one since then is the largest
        return next((value for at, value in self._samples if at > since), 0.0)
