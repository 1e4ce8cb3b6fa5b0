"""Places that come from another process with their sessions, before the leases show it (guide:
protocol, "Sessions").
"""

from collections import deque

CREDIT_S = 20.0
"""Time for which the other process's lease may still count a connection after its session came
here: that process notices at its next heartbeat, writes at the one after, and is read at ours. A
process that died is counted for as long.
"""


class TakeoverCredits:
    """Instants by user at which sessions came here from other processes lately."""

    def __init__(self) -> None:
        self._came: dict[str, deque[float]] = {}

    def note(self, sub: str, now: float) -> None:
        """A session of the user has come, or is about to."""
        self._came.setdefault(sub, deque()).append(now)

    def count(self, sub: str, now: float) -> int:
        """How many of the user's connections the leases count twice."""
        came = self._came.get(sub)
        if came is None:
            return 0
        while came and came[0] <= now - CREDIT_S:
            came.popleft()
        if not came:
            del self._came[sub]
        return len(came)
