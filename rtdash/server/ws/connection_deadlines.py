"""Deadlines of one connection: pings, the end of its token, the end of patience with one that
follows nothing.
"""

from enum import Enum
from math import inf

from rtdash.protocol.codes import CloseCode
from rtdash.server.ws.keepalive import Keepalive, KeepaliveAction

EXPIRY_WARNING_S = 30.0
BUSY_S = 1.0
"""How soon to look again at a connection that is only idle because its subscribe is under way."""


class DueAction(Enum):
    """Action that is due."""

    PING = "ping"
    WARN = "warn"
    EXPIRED = "expired"
    IDLE = "idle"
    DEAD = "dead"


CLOSES = {
    DueAction.EXPIRED: (
        CloseCode.TOKEN_EXPIRED,
        "the token has expired: come back with a new one",
    ),
    DueAction.IDLE: (CloseCode.IDLE, "nothing was subscribed: subscribe soon after connecting"),
    DueAction.DEAD: (CloseCode.NO_PONG, "nothing came in answer to a ping"),
}
"""Close code and reason of the deadlines that end a connection."""


class ConnectionDeadlines:
    """Deadlines in seconds of one monotonic clock; `idle_timeout_s` 0 means that no connection is
    ever idle.
    """

    __slots__ = ("_expires_at", "_idle_since", "_idle_timeout_s", "_warn_at", "keepalive")

    def __init__(self, keepalive: Keepalive, idle_timeout_s: float, now: float) -> None:
        self.keepalive = keepalive
        self._idle_timeout_s = idle_timeout_s or inf
        self._idle_since = now
        self._expires_at = inf
        self._warn_at = inf

    @property
    def next_at(self) -> float:
        """When to look again."""
        return min(
            self.keepalive.next_at,
            self._warn_at,
            self._expires_at,
            self._idle_since + self._idle_timeout_s,
        )

    def token_lives(self, now: float, left_s: float, leeway_s: float) -> None:
        """Go on with a token that ends in `left_s` and is taken for `leeway_s` more; its bearer is
        warned before its end.
        """
        self._expires_at = now + left_s + leeway_s
        self._warn_at = now + left_s - EXPIRY_WARNING_S

    def follows(self, now: float, *, anything: bool) -> None:
        """The connection follows something from now on, or nothing."""
        self._idle_since = inf if anything else now

    def check_timers(
        self, now: float, buffered_bytes: int, *, is_busy: bool, is_excused: bool
    ) -> DueAction | None:
        """Return the first thing that is due, if one is; ask again until nothing is."""
        if now >= self._expires_at:
            return DueAction.EXPIRED
        if now >= self._idle_since + self._idle_timeout_s:
            if not is_busy:
                return DueAction.IDLE
            self._idle_since = now + BUSY_S - self._idle_timeout_s
        if now >= self._warn_at:
            self._warn_at = inf
            return DueAction.WARN
        match self.keepalive.check_timers(now, buffered_bytes, is_excused=is_excused):
            case KeepaliveAction.PING:
                return DueAction.PING
            case KeepaliveAction.DEAD:
                return DueAction.DEAD
            case KeepaliveAction.FINE:
                return None
