"""The pace at which sessions are stored: in a storm many of them share a transaction, which costs
more than all the rest of a subscribe.
"""

PACE_S = 0.05
"""From one group to the next: twenty transactions a second, however many connect."""

AT_ONCE = 8
"""How many within PACE_S are no storm yet: the few of a quiet day don't wait, nor does one client
that asks several times."""


class WritePacer:
    """Pacer of session writes: AT_ONCE pass within PACE_S; later ones wait until `opens_at` and
    pass together. Instants are seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self.opens_at = 0.0
        self._passed = 0

    def passes(self, now: float) -> bool:
        """Whether a write may pass now; counts it."""
        if now >= self.opens_at:
            self.note_group(now, 0)
        if self._passed >= AT_ONCE:
            return False
        self._passed += 1
        return True

    def note_group(self, now: float, number: int) -> None:
        """So many pass together now."""
        self.opens_at, self._passed = now + PACE_S, number
