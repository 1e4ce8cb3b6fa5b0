"""Token buckets: so many at once, so many a second, for one sender or for many by name."""

MAX_BUCKETS = 10_000
"""Names remembered at once by `TokenBuckets`: about 2 MB."""
ROOM_SHARE = 20
"""A twentieth of the names has room after all were looked at: in a flood of new names not each one
costs a look at all others."""


class TokenBucket:
    """Bucket of `burst` tokens, refilled at `per_second`; `per_second` 0 means that it never runs
    dry.

    Instants are seconds of any monotonic clock.
    """

    __slots__ = ("_burst", "_level", "_per_second", "_since")

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._level = burst
        self._since = now

    def take(self, now: float) -> float:
        """Take a token: 0.0 when there was one, else the seconds until there is one."""
        if not self._per_second:
            return 0.0
        self._level = min(self._burst, self._level + (now - self._since) * self._per_second)
        self._since = now
        if self._level < 1:
            return (1 - self._level) / self._per_second
        self._level -= 1
        return 0.0

    def is_full(self, now: float) -> bool:
        """Whether forgetting the bucket would change nothing for its owner."""
        return self._level + (now - self._since) * self._per_second >= self._burst


class TokenBuckets:
    """One bucket for each name (a user, an address), at most MAX_BUCKETS of them.

    Beyond the bound full buckets are forgotten, which changes nothing for their owners, and then
    the oldest ones.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._buckets)

    def take(self, name: str, now: float) -> float:
        """Take a token of that name: 0.0 when there was one, else the seconds until there is."""
        if not self._per_second:
            return 0.0
        bucket = self._buckets.get(name)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[name] = TokenBucket(self._per_second, self._burst, now)
        return bucket.take(now)

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MAX_BUCKETS:
            return
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)
        }
        # A flood of new names must not empty the whole table at once: only the oldest go.
        while len(self._buckets) >= MAX_BUCKETS - MAX_BUCKETS // ROOM_SHARE:
            del self._buckets[next(iter(self._buckets))]
