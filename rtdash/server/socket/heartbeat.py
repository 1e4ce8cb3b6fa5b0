"""Who is still there: one timing wheel for all connections, the rule of pings and pongs, and what a
pong confirms.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Generic, TypeVar

from rtdash.hub import Hub
from rtdash.protocol.channels import Stream

TICK_S = 0.1
"""How finely the wheel looks at the time: far below any timeout, far above its own cost."""

HORIZON_S = 60.0
"""So that what has ended doesn't stay in the wheel for as long as a token lives."""

MARK_BYTES = 8
_HORIZON_TICKS = int(HORIZON_S / TICK_S)
_FAR = 1e12
_GOLDEN = 0.6180339887
"""Multiples of it spread evenly over the unit interval, however many there are (Knuth, TAOCP 6.4):
pings come in no herd."""

Item = TypeVar("Item", bound=Hashable)


class Wheel(Generic[Item]):
    """When to look at each item next. Looking too early must do no harm: nothing is planned further
    ahead than HORIZON_S.
    """

    def __init__(self, now: float) -> None:
        self._slots: dict[int, dict[Item, None]] = {}
        self._planned: dict[Item, int] = {}
        self._done = int(now / TICK_S)

    def plan(self, item: Item, at: float) -> None:
        """Look at it at `at` (seconds of the wheel's clock), or sooner if that was planned
        already.
        """
        tick = max(
            self._done + 1, min(self._done + _HORIZON_TICKS, int(min(at, _FAR) / TICK_S) + 1)
        )
        if self._planned.get(item, tick + 1) > tick:
            self.forget(item)
            self._planned[item] = tick
            self._slots.setdefault(tick, {})[item] = None

    def forget(self, item: Item) -> None:
        """Look at it no more, and keep nothing of it: connections that come and go quickly would
        pile up here.
        """
        slot = self._slots.get(self._planned.pop(item, 0))
        if slot is not None:
            slot.pop(item, None)

    def due(self, now: float) -> Iterable[Item]:
        """What was planned up to `now`, each once; it must be planned again to be looked at
        again.
        """
        until = int(now / TICK_S)
        for tick in range(self._done + 1, until + 1):
            self._done = tick
            for item in self._slots.pop(tick, ()):
                if self._planned.get(item) == tick:
                    del self._planned[item]
                    yield item


class Verdict(Enum):
    """What to do about a peer."""

    FINE = "fine"
    PING = "ping"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class PulseRules:
    """A ping every `interval_s` (inf: none); dead after `timeout_s` (inf: never) more without any
    frame from the peer.
    """

    interval_s: float
    timeout_s: float


class Pulse:
    """The heartbeat of one peer (CONTRACT section 3, "Heartbeat"). Instants are seconds of one
    monotonic clock.
    """

    __slots__ = ("_buffered", "_dead_at", "_ping_at", "_rules", "heard_at")

    def __init__(self, rules: PulseRules, now: float, serial: int) -> None:
        self._rules = rules
        self._ping_at = now + rules.interval_s * (serial * _GOLDEN % 1 or 1)
        self._dead_at = inf
        self._buffered = 0
        self.heard_at = now

    @property
    def next_at(self) -> float:
        """When to look again."""
        return min(self._ping_at, self._dead_at)

    def look(self, now: float, buffered_bytes: int, *, is_excused: bool) -> Verdict:
        """What is due. The deadline stands still while the peer's buffer shrinks, and while the
        server itself is not reading.
        """
        if now >= self._dead_at:
            if self.heard_at > self._dead_at - self._rules.timeout_s:
                self._dead_at = inf
            elif is_excused or buffered_bytes < self._buffered:
                self._dead_at = now + self._rules.timeout_s
            else:
                return Verdict.DEAD
            self._buffered = buffered_bytes
        if now >= self._ping_at:
            self._ping_at = now + self._rules.interval_s
            if self._dead_at == inf:
                self._dead_at = now + self._rules.timeout_s
                self._buffered = buffered_bytes
            return Verdict.PING
        return Verdict.FINE


class Marks:
    """Numbered tables of every stream's `top`, shared by all connections: "up to here it was handed
    over before this ping".
    """

    def __init__(self, hub: Hub, keep_s: float) -> None:
        self._hub = hub
        self._keep_s = keep_s
        self._tables: dict[int, tuple[float, dict[Stream, int]]] = {}
        self._flushes = -1
        self.number = 0

    def make(self, now: float, *, is_own: bool = False) -> int:
        """The number of a table that is true now; with `is_own` one that nobody had before.

        Never call it from within a flush: tops have moved, deliveries have not.
        """
        if (
            is_own
            or self._hub.flushes != self._flushes
            or not self._tables
            or now - self._tables[self.number][0] > self._keep_s / 2
        ):
            self.number += 1
            self._flushes = self._hub.flushes
            self._tables[self.number] = (
                now,
                {
                    stream: self._hub.top(stream)
                    for stream in self._hub.streams()
                    if not stream.channel.is_state
                },
            )
            self._forget(now - self._keep_s)
        return self.number

    def seq(self, number: int, stream: Stream) -> int | None:
        """What the table says of a stream; None when it, or the table, is not known."""
        table = self._tables.get(number)
        return None if table is None else table[1].get(stream)

    def _forget(self, before: float) -> None:
        while self._tables:
            oldest = next(iter(self._tables))
            if self._tables[oldest][0] >= before:
                return
            del self._tables[oldest]
