"""Rate of requests: a token bucket for each user, or for each address."""

from collections.abc import Callable

from rtdash.protocol.rates import TokenBuckets


class RequestLimit:
    """Limit on requests by name: `burst` at once, `per_second` refilled; `per_second` 0 means none.

    With `dry_run` an excess is reported to `on_refused` and granted. `monotonic` gives seconds.
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
        self._buckets = TokenBuckets(per_second, burst)
        self._monotonic = monotonic
        self._dry_run = dry_run
        self._on_refused = on_refused

    def change(self, per_second: float, burst: int, *, dry_run: bool) -> None:
        """Grant another rate from now on; every name begins anew."""
        self._buckets = TokenBuckets(per_second, burst)
        self._dry_run = dry_run

    def take(self, name: str) -> float:
        """Take one request: 0.0 when granted, else the seconds after which one will be."""
        wait_s = self._buckets.take(name, self._monotonic())
        if not wait_s:
            return 0.0
        self._on_refused()
        return 0.0 if self._dry_run else wait_s
