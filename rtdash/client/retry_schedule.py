"""When the next attempt is due: backoff, the server's own word, and wakes that bring it forward."""

import random

from rtdash.client.timing import Timing
from rtdash.protocol.backoff import Backoff
from rtdash.protocol.received import Disconnect


class RetrySchedule:
    """Instants of attempts, in seconds of one clock."""

    def __init__(self, timing: Timing, rng: random.Random) -> None:
        self._timing = timing
        self._rng = rng
        self._now = 0.0
        self._backoff = Backoff(
            rng,
            lambda: self._now,
            first_s=timing.first_delay_s,
            longest_s=timing.longest_delay_s,
            settled_s=timing.settled_s,
        )
        self._attempted_at = self._not_before = float("-inf")

    def begin(self, now: float) -> None:
        """Note that an attempt begins."""
        self._attempted_at = now

    def note_live(self, now: float) -> None:
        """Note that a connection is live. Opening is not enough: a refusal is accepted first."""
        self._now = now
        self._backoff.stands()

    def delay_after_loss(
        self, now: float, farewell: Disconnect | None, retry_after_s: float
    ) -> float:
        """Return how long to wait: the server's word, with backoff on top from the second time
        on.
        """
        self._now = now
        is_first = self._backoff.is_fresh
        backoff_s = self._backoff.next_delay_s()
        if farewell is None:
            asked_s = retry_after_s
        else:
            asked_s = farewell.retry_after_s + self._rng.uniform(0, farewell.jitter_s)
            backoff_s = 0 if is_first else backoff_s
        asked_s = max(0.0, min(self._timing.longest_wait_s, asked_s))
        self._not_before = now + asked_s
        return asked_s + backoff_s

    def hasten(self, now: float, *, is_asked: bool) -> float:
        """Return when a wake lets the next attempt begin: after a jitter, not before the server
        allows it, and not twice within a second. A person's own request does not wait for the
        server.
        """
        soon = (
            now
            if is_asked
            else max(now + self._rng.uniform(0, self._timing.wake_jitter_s), self._not_before)
        )
        return max(soon, self._attempted_at + self._timing.wake_every_s)
