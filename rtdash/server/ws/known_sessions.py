"""Sessions with connections that ended here a moment ago, as their clients were answered: one that
comes back needs no read of the store.
"""

from datetime import datetime, timedelta

from rtdash.server.ws.bound_session import BoundSession

MOST = 10_000
"""Sessions kept at once, some 700 bytes each; those that ended first are forgotten first."""

KEPT = timedelta(seconds=60)
"""How long a session is kept: clients that were dropped come back within seconds."""


class KnownSessions:
    """Ended sessions by id, in the order in which they ended. What another process has done to one
    since shows when its row is to be changed: its generation is another one then.
    """

    def __init__(self, ttl: timedelta) -> None:
        self._kept_for = min(KEPT, ttl / 2)
        self._ended: dict[str, tuple[BoundSession, datetime]] = {}

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._ended)

    def keep(self, session: BoundSession, now: datetime) -> None:
        """Keep a session that has no connection any more."""
        self._ended[session.id] = (session, now)
        while len(self._ended) > MOST:
            del self._ended[next(iter(self._ended))]

    def take(self, session_id: str, sub: str, asked_at: datetime) -> BoundSession | None:
        """Return the user's session, and keep it no longer; None when it is not known, or was
        asked for later than `asked_at`.
        """
        found = self._ended.pop(session_id, None)
        if found is None:
            return None
        session, ended_at = found
        is_good = session.asked_at <= asked_at < ended_at + self._kept_for and session.sub == sub
        return session if is_good else None

    def forget_old(self, now: datetime) -> None:
        """Forget the sessions that ended too long ago."""
        for session_id, (_, ended_at) in tuple(self._ended.items()):
            if now < ended_at + self._kept_for:
                return
            del self._ended[session_id]
