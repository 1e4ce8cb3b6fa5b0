"""How many requests a user may make: one token bucket each, bounded in number."""

from collections.abc import Callable

MAX_BUCKETS = 10_000
"""Users remembered at once; beyond it those whose bucket is full again are forgotten, which changes
nothing for them."""


class RequestLimit:
    """Token buckets by user: `burst` at once, `per_second` refilled; `per_second` 0 means no limit.

    With `dry_run` an excess is told to `on_refused` and granted. `monotonic` gives seconds.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        monotonic: Callable[[], float],
        dry_run: bool = False,
        on_refused: Callable[[], None],
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._monotonic = monotonic
        self._dry_run = dry_run
        self._on_refused = on_refused
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, user: str) -> float:
        """Take one request of the user's: 0.0 when granted, else the seconds after which one will
        be.
        """
        if not self._per_second:
            return 0.0
        now = self._monotonic()
        level, then = self._buckets.get(user, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._per_second)
        if level >= 1:
            self._remember(user, level - 1, now)
            return 0.0
        self._remember(user, level, now)
        self._on_refused()
        return 0.0 if self._dry_run else (1 - level) / self._per_second

    def _remember(self, user: str, level: float, now: float) -> None:
        if user not in self._buckets and len(self._buckets) >= MAX_BUCKETS:
            refill_s = self._burst / self._per_second
            self._buckets = {
                one: bucket for one, bucket in self._buckets.items() if now - bucket[1] < refill_s
            }
        self._buckets[user] = (level, now)
