"""A token bucket: so many at once, so many a second."""


class TokenBucket:
    """Holds `burst` tokens, refilled at `per_second`; `per_second` 0 means that it never runs dry.

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
