"""Poll of the heads: where each stream stood when it was last seen, and which to look at
again.

A poll costs what has changed: it goes on where the one before has ended. Where the store can't say
what was committed since, most ask for the streams with events of the last moments; some reach
further back, for transactions that took long to commit. A few compare everything that is followed.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum

from rtdash.domain.instants import Clock
from rtdash.protocol.channels import Stream

POLL_INTERVAL_S = 0.7
"""How often the heads are polled. With the quarter of a second that a venue's figures may be old, a
lost notice costs less than a second (guide: rest, "What the figures mean").
"""

ALONE_INTERVAL_S = 2.0
"""How often where no other process writes: every event was announced here, unless COMMIT failed and
had stored it all the same."""

OVERLAP = timedelta(seconds=3)
"""How far back a poll reaches behind the one before it: events are stamped before they are
committed, by clocks that agree to about a second."""

DEEP_INTERVAL_S = 30.0
DEEP_OVERLAP = timedelta(seconds=30)
"""A transaction that waited for locks may commit events that are so old."""

FULL_INTERVAL_S = 60.0
"""How often every stream that is followed is compared."""


class Reach(Enum):
    """How far back a poll looks."""

    RECENT = "recent"
    DEEP = "deep"
    FULL = "full"


class PollPlan:
    """Decides the reach of each poll, and which of the heads that it found are news.

    `mark` is where the last poll has ended, None if the next one can't go on there. Bounded: it
    remembers the streams that had events within about 2 * DEEP_INTERVAL_S + DEEP_OVERLAP.
    """

    def __init__(
        self, clock: Clock, *, clock_monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.mark: object = None
        self._clock = clock
        self._monotonic = clock_monotonic
        self._polled_at: datetime | None = None
        self._deep_at = self._full_at = float("-inf")
        self._heads: dict[Stream, int] = {}
        self._earlier: dict[Stream, int] = {}

    def next_reach(self) -> Reach:
        """Return what the next poll has to do."""
        now = self._monotonic()
        if self._polled_at is None or now - self._full_at >= FULL_INTERVAL_S:
            return Reach.FULL
        return Reach.DEEP if now - self._deep_at >= DEEP_INTERVAL_S else Reach.RECENT

    def since(self, reach: Reach) -> datetime:
        """Return the instant from which on events count as recent."""
        now = self._clock()
        back_to = now if self._polled_at is None else min(now, self._polled_at)
        return back_to - (OVERLAP if reach is Reach.RECENT else DEEP_OVERLAP)

    def head(self, stream: Stream) -> int:
        """Return the last head that a poll saw of the stream, 0 where none did lately."""
        return self._heads.get(stream, self._earlier.get(stream, 0))

    def forget(self) -> None:
        """Have the next poll be a full one, which relies on none before it."""
        self._full_at = float("-inf")
        self.mark = None

    def note(
        self, reach: Reach, began_at: datetime, heads: Mapping[Stream, int], mark: object = None
    ) -> list[Stream]:
        """Take over what a poll found. Returns the streams that have changed since the last one."""
        changed = [stream for stream, seq in heads.items() if self.head(stream) != seq]
        if reach is Reach.RECENT:
            self._heads.update(heads)
        else:
            # What two deep polls don't find has been quiet for longer than any poll reaches back.
            self._earlier, self._heads = self._heads, dict(heads)
            self._deep_at = self._monotonic()
        if reach is Reach.FULL:
            self._full_at = self._deep_at
        self._polled_at, self.mark = began_at, mark
        return changed
