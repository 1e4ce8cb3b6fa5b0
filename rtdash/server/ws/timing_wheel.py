"""One timing wheel for all connections of a process."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

TICK_S = 0.1
"""How finely the wheel looks at the time: far below any timeout, far above its own cost."""

HORIZON_S = 60.0
"""Furthest plan: an ended connection must not stay in the wheel for as long as a token lives."""

_HORIZON_TICKS = int(HORIZON_S / TICK_S)
_FAR = 1e12

Item = TypeVar("Item", bound=Hashable)


class TimingWheel(Generic[Item]):
    """When to look at each item next. Looking too early must do no harm: nothing is planned further
    ahead than HORIZON_S.
    """

    def __init__(self, now: float) -> None:
        self._slots: dict[int, dict[Item, None]] = {}
        self._planned: dict[Item, int] = {}
        self._done = int(now / TICK_S)

    def schedule(self, item: Item, at: float) -> None:
        """Look at it at `at` (seconds of the wheel's clock), or sooner if that was planned
        already.
        """
        tick = max(
            self._done + 1, min(self._done + _HORIZON_TICKS, int(min(at, _FAR) / TICK_S) + 1)
        )
        if self._planned.get(item, tick + 1) > tick:
            self.cancel(item)
            self._planned[item] = tick
            self._slots.setdefault(tick, {})[item] = None

    def cancel(self, item: Item) -> None:
        """Look at it no more, and keep nothing of it: connections that come and go quickly would
        pile up here.
        """
        slot = self._slots.get(self._planned.pop(item, 0))
        if slot is not None:
            slot.pop(item, None)

    def due(self, now: float) -> Iterable[Item]:
        """Yield what was planned up to `now`, each once; it must be planned again to be checked
        again.
        """
        until = int(now / TICK_S)
        for tick in range(self._done + 1, until + 1):
            self._done = tick
            for item in self._slots.pop(tick, ()):
                if self._planned.get(item) == tick:
                    del self._planned[item]
                    yield item
