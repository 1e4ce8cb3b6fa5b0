"""Whether the server still lives: silence, pings, and sleeps of the machine."""

from rtdash.client.deadlines import CONCLUSIONS, Deadlines
from rtdash.client.timing import Timing


class Liveness:
    """The watch over one connection, by the deadlines `ping`, `silence` and `check`."""

    def __init__(self, timing: Timing, deadlines: Deadlines) -> None:
        self._timing = timing
        self._deadlines = deadlines
        self._heard_at = 0.0
        self._was_late = False
        self._is_paused = False
        self._is_waiting = False
        self.is_hidden = False
        """A hidden page's timers are late, so silence there proves nothing."""

    def watch(self, now: float) -> None:
        """Watch a connection that has just been opened."""
        self.note_life(now)
        self._deadlines.set("ping", now + self._timing.frozen_after_s / 2)

    def note_life(self, now: float) -> None:
        """Note that something came."""
        self._heard_at = now
        self._was_late = False
        if self._is_waiting:
            self._is_waiting = False
            self._deadlines.remove("check", "silence")

    def wants_ping(self, now: float) -> bool:
        """Whether `ping`, which is due, is to be sent; waits for what follows."""
        half_s = self._timing.frozen_after_s / 2
        quiet_since = self._heard_at + half_s
        if quiet_since > now or self.is_hidden or self._is_paused:
            self._deadlines.set("ping", max(quiet_since, now + half_s / 2))
            return False
        self._is_waiting = True
        self._deadlines.set("silence", now + half_s)
        self._deadlines.set("ping", now + half_s)
        return True

    def check(self, now: float) -> bool:
        """Wait for a sign of life. False where one is waited for already."""
        if self._deadlines.get("check") is not None:
            return False
        self._is_waiting = True
        self._deadlines.set("check", now + self._timing.check_within_s)
        return True

    def pause(self) -> None:
        """Conclude nothing while the application does not read."""
        self._is_paused = True
        self._deadlines.remove("check", "silence")

    def go_on(self, now: float) -> None:
        """Watch again, from now on."""
        self._is_paused = False
        self._heard_at = now

    def has_slept(self, now: float) -> bool:
        """Whether the machine slept through its deadlines. They are moved then, since what was due
        meanwhile says nothing about the server; twice in a row, and they hold.
        """
        first = self._deadlines.first
        is_late = first is not None and now - first > self._timing.slept_after_s
        if not is_late or self._was_late:
            return False
        self.excuse(now)
        return True

    def excuse(self, now: float) -> None:
        """Give what is due another chance."""
        self._was_late = True
        self._deadlines.postpone(CONCLUSIONS, due=now, to=now + self._timing.check_within_s)
        if self._deadlines.get("ping") is not None:
            self._deadlines.set("ping", now + self._timing.frozen_after_s / 2)
