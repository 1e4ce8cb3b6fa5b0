"""When the channels are polled over REST while no socket can be had."""

from rtdash.client.connection_events import Action, Poll, Polled, StopPolling
from rtdash.client.deadlines import Deadlines
from rtdash.client.timing import Timing


class PollSchedule:
    """Rounds of polling, waited for under the name `poll`."""

    def __init__(self, timing: Timing, deadlines: Deadlines) -> None:
        self._timing = timing
        self._deadlines = deadlines
        self._round = 0
        self._stats_due = 0.0
        self.is_on = False

    def start(self, now: float) -> Action:
        """Begin with a round of everything."""
        self.is_on = True
        self._stats_due = now
        return self.next_round(now)

    def next_round(self, now: float) -> Action:
        """Return a round, with the figures where they are due."""
        with_stats = now >= self._stats_due
        if with_stats:
            self._stats_due = now + self._timing.stats_every_s
        self._round += 1
        return Poll(self._round, with_stats)

    def note(self, now: float, polled: Polled) -> bool:
        """Wait for the next round. False for a round that is no longer waited for."""
        if not self.is_on or polled.round != self._round:
            return False
        pause_s = max(self._timing.upcoming_every_s, polled.retry_after_s)
        self._deadlines.set("poll", now + min(self._timing.longest_wait_s, pause_s))
        if polled.failure is not None:
            self._stats_due = now
        return True

    def stop(self) -> list[Action]:
        """End the polling, if it is on."""
        self._deadlines.remove("poll")
        was_on, self.is_on = self.is_on, False
        self._round += 1
        return [StopPolling()] if was_on else []
