"""Days that differ: how strong each is, and how dear. Each is a little like the day before.

Everything depends on the seed and the day alone, whatever days were asked for before.
"""

import math
from calendar import monthrange
from datetime import date
from functools import lru_cache
from operator import mul
from statistics import fmean

from rtdash.simulate.distributions import STANDARD_NORMAL, seeded

_LONGEST_MEMORY = 20
"""Days that a day looks back at most."""

SURGES_FROM, SURGE = 2.0, 1.5
"""Normal score from which on a day is one of a surge, and how much faster it then rises. Assumed:
so the busiest days are as far beyond the others as in the data, beside the variance, which is
fitted."""


class DayNoise:
    """Normal values, one a day; `memory` is the correlation of neighbouring days."""

    def __init__(self, seed: str, memory: float) -> None:
        self._seed = seed
        weights = [memory**back for back in range(_LONGEST_MEMORY if memory else 1)]
        length = math.hypot(*weights)
        self._weights = [weight / length for weight in weights]
        self._innovations = lru_cache(maxsize=32)(self._draw)

    def month(self, year: int, month: int) -> list[float]:
        """Return the values of a month's days."""
        before = self._innovations(year - (month == 1), (month - 2) % 12 + 1)
        back = len(self._weights) - 1
        drawn = [*before[len(before) - back :], *self._innovations(year, month)]
        return [sum(map(mul, self._weights, drawn[end::-1])) for end in range(back, len(drawn))]

    def _draw(self, year: int, month: int) -> list[float]:
        rng = seeded(f"{self._seed}/{year}-{month}")
        return [rng.gauss(0.0, 1.0) for _ in range(monthrange(year, month)[1])]


class DayStrength:
    """Lognormal multipliers of mean 1, one for each day.

    They average 1 over each weekday of a month: they move bookings between like days, and season
    and week stay the published ones. With `surges` they average 1 over each whole month, and one
    day in a hundred is far beyond the others: an operator books, or a house clears up, for a whole
    season.
    """

    def __init__(
        self, seed: str, variance: float, *, memory: float = 0.0, surges: bool = False
    ) -> None:
        self._sigma = math.sqrt(math.log1p(max(0.0, variance)))
        self._noise = DayNoise(seed, memory)
        self._surges = surges
        self._month = lru_cache(maxsize=32)(self._draw_month)

    def __call__(self, day: date) -> float:
        """Return the multiplier of that day."""
        return self._month(day.year, day.month)[day.day - 1]

    def _draw_month(self, year: int, month: int) -> list[float]:
        scores = self._noise.month(year, month)
        if self._surges:
            scores = [score + SURGE * max(0.0, score - SURGES_FROM) for score in scores]
        drawn = [math.exp(self._sigma * score) for score in scores]
        step = 1 if self._surges else 7
        means = [fmean(drawn[day::step]) for day in range(step)]
        return [strength / means[day % step] for day, strength in enumerate(drawn)]


class DayLevel:
    """Levels of days: the normal scores of a month's days by rank, so that all months have the
    same.
    """

    def __init__(self, seed: str, memory: float) -> None:
        self._noise = DayNoise(seed, memory)
        self._month = lru_cache(maxsize=32)(self._draw_month)

    def __call__(self, day: date) -> float:
        """Return the level of that day, about -2 to 2."""
        return self._month(day.year, day.month)[day.day - 1]

    def rank(self, day: date, rank: float, share: float) -> float:
        """Return `rank` of 0 ≤ rank < 1 moved towards the day's level; `share` is the correlation.

        Over a month the moved ranks are as even as those that came in.
        """
        if not share:
            return rank
        score = STANDARD_NORMAL.inv_cdf(min(max(rank, 1e-9), 1 - 1e-9))
        moved = share * self(day) + math.sqrt(1 - share * share) * score
        return min(STANDARD_NORMAL.cdf(moved), 1 - 1e-9)

    def _draw_month(self, year: int, month: int) -> list[float]:
        drawn = self._noise.month(year, month)
        levels = [0.0] * len(drawn)
        for place, index in enumerate(sorted(range(len(drawn)), key=drawn.__getitem__)):
            levels[index] = STANDARD_NORMAL.inv_cdf((place + 0.5) / len(drawn))
        return levels
