"""The rule of pings and pongs: when to ping a peer, and when it counts as dead."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from rtdash.settings import Limits

_GOLDEN = 0.6180339887
"""Multiples of it spread evenly over the unit interval, however many there are (Knuth, TAOCP 6.4):
pings come in no herd."""


class KeepaliveAction(Enum):
    """Action of the keepalive towards a peer."""

    FINE = "fine"
    PING = "ping"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class KeepaliveConfig:
    """A ping every `interval_s` (inf: none); dead after `timeout_s` (inf: never) more without any
    frame from the peer.
    """

    interval_s: float
    timeout_s: float


def keepalive_config(limits: Limits, *, can_ping: bool) -> KeepaliveConfig:
    """Return the keepalive of a transport; a server that hides pings from its app does them
    itself (`can_ping` False).
    """
    return KeepaliveConfig(
        limits.ping_interval_s if can_ping and limits.ping_interval_s else inf,
        limits.pong_timeout_s or inf,
    )


class Keepalive:
    """Keepalive of one peer (guide: protocol, "Heartbeat"). Instants are seconds of one monotonic
    clock.
    """

    __slots__ = ("_buffered", "_dead_at", "_ping_at", "_rules", "heard_at")

    def __init__(self, rules: KeepaliveConfig, now: float, serial: int) -> None:
        self._rules = rules
        self._ping_at = now + rules.interval_s * (serial * _GOLDEN % 1 or 1)
        self._dead_at = inf
        self._buffered = 0
        self.heard_at = now

    @property
    def next_at(self) -> float:
        """When to look again."""
        return min(self._ping_at, self._dead_at)

    def check_timers(self, now: float, buffered_bytes: int, *, is_excused: bool) -> KeepaliveAction:
        """Return what is due. The deadline stands still while the peer's buffer shrinks, and while
        the server itself is not reading.
        """
        if now >= self._dead_at:
            if self.heard_at > self._dead_at - self._rules.timeout_s:
                self._dead_at = inf
            elif is_excused or buffered_bytes < self._buffered:
                self._dead_at = now + self._rules.timeout_s
            else:
                return KeepaliveAction.DEAD
            self._buffered = buffered_bytes
        if now >= self._ping_at:
            self._ping_at = now + self._rules.interval_s
            if self._dead_at == inf:
                self._dead_at = now + self._rules.timeout_s
                self._buffered = buffered_bytes
            return KeepaliveAction.PING
        return KeepaliveAction.FINE
