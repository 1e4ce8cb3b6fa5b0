"""How long to wait before the next attempt: exponential backoff with full jitter.

Full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015) spreads a herd
of clients best.
"""

import random
from collections.abc import Callable


class Backoff:
    """Delays between attempts, uniform between 0 and a bound that doubles from `first_s` to
    `longest_s`.

    `clock` is monotonic, in seconds. A connection that stood for `settled_s` starts the series
    anew; one that broke sooner goes on with it.
    """

    def __init__(
        self,
        rng: random.Random,
        clock: Callable[[], float],
        *,
        first_s: float = 0.5,
        longest_s: float = 30,
        settled_s: float = 10,
    ) -> None:
        self._rng = rng
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self._settled_s = settled_s
        self._attempts = 0
        self._stands_since: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the next delay is the first of its series."""
        return self._attempts == 0 or self._has_settled()

    def stands(self) -> None:
        """Note that a connection works from now on."""
        if self._stands_since is None:
            self._stands_since = self._clock()

    def next_delay_s(self) -> float:
        """Return how long to wait after a lost connection or a failed attempt."""
        if self._has_settled():
            self._attempts = 0
        self._stands_since = None
        bound_s = min(self._longest_s, self._first_s * 2 ** min(self._attempts, 32))
        self._attempts += 1
        return self._rng.uniform(0, bound_s)

    def _has_settled(self) -> bool:
        return (
            self._stands_since is not None and self._clock() - self._stands_since >= self._settled_s
        )
