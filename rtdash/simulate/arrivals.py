"""Instants of bookings: days of unequal strength, bursts within a day, hours as usual.

A Poisson process is too even; see `DayStrength` and `burst_instants`.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from statistics import fmean
from zoneinfo import ZoneInfo

from rtdash.simulate.distributions import (
    Discrete,
    cluster_mean,
    cluster_theta,
    draw_cluster_size,
    draw_poisson,
    seeded,
)

BURST_DISPERSION = 1.5
"""Variance / mean that bursts within the hour give by themselves. Assumed: the data set
has days, not hours."""

HOTEL_BOOKING_HOURS: Discrete[int] = Discrete(
    zip(
        range(24),
        (6, 3, 2, 1, 1, 2, 4, 10, 22, 40, 52, 55, 48, 46, 50, 53, 54, 50, 44, 42, 46, 48, 36, 18),
        strict=True,
    )
)
"""Hours at which hotel bookings are made. Assumed (office hours and an evening on the sofa): the
data set has no hour of day."""

_BURST_SPREAD_S = 600.0


class DayStrength:
    """Gamma multipliers of mean 1, one for each day.

    It averages 1 over each weekday of each calendar month as well: it moves bookings between days,
    and season and week stay the published ones.
    """

    def __init__(self, seed: str, variance: float) -> None:
        self._seed = seed
        self._variance = variance
        self._month = lru_cache(maxsize=32)(self._draw_month)

    def __call__(self, day: date) -> float:
        """Return the multiplier of that day, whatever days were asked for before."""
        return self._month(day.year, day.month)[day.day - 1]

    def _draw_month(self, year: int, month: int) -> list[float]:
        _, count = monthrange(year, month)
        if self._variance <= 0:
            return [1.0] * count
        rng = seeded(f"{self._seed}/{year}-{month}")
        drawn = [rng.gammavariate(1 / self._variance, self._variance) for _ in range(count)]
        means = [fmean(drawn[day::7]) for day in range(7)]
        return [strength / means[day % 7] for day, strength in enumerate(drawn)]


def burst_instants(
    rng: Random, day: date, mean: float, hours: Discrete[int], zone: ZoneInfo
) -> list[datetime]:
    """Return the instants (UTC, whole ms, ascending) of the day's bookings, `mean` of them on average, in
    bursts.
    """
    theta = cluster_theta(BURST_DISPERSION)
    instants: list[datetime] = []
    for _ in range(draw_poisson(rng, mean / cluster_mean(theta))):
        second = hours.draw(rng) * 3600 + rng.random() * 3600
        for _ in range(draw_cluster_size(rng, theta)):
            instants.append(local_instant(day, second, zone))
            second = min(second + rng.expovariate(1 / _BURST_SPREAD_S), 86_399.0)
    instants.sort()
    return instants


def local_instant(day: date, second: float, zone: ZoneInfo) -> datetime:
    """Return the UTC instant, in whole ms, of so many seconds by the wall clock after the midnight that
    begins `day`.
    """
    milliseconds = int(second * 1000)
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(
        milliseconds=milliseconds
    )
    return wall.astimezone(UTC)


def awake(instant: datetime, until: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant, or, between 1 and 9 in the night, an hour of that morning.

    It stays before `until`, and no earlier than `instant`.
    """
    local = instant.astimezone(zone)
    if not 1 <= local.hour < 9:
        return instant
    # The minutes keep their order and spread: eight hours become one.
    minutes = (local.hour - 1) * 60 + local.minute
    morning = local.replace(hour=9, minute=0) + timedelta(minutes=minutes / 8)
    return max(instant, min(whole_ms(morning.astimezone(UTC)), until - timedelta(minutes=10)))


def whole_ms(instant: datetime) -> datetime:
    """Return the instant without what is below a millisecond, as instants are kept and written."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def days_from(first: date, count: int) -> Iterator[date]:
    """`count` dates from `first` on."""
    return (first + timedelta(days=index) for index in range(count))


def next_quarter(instant: datetime) -> datetime:
    """Return the first whole quarter of an hour after `instant`."""
    quarter = instant.replace(second=0, microsecond=0) + timedelta(minutes=-instant.minute % 15)
    return quarter if quarter > instant else quarter + timedelta(minutes=15)
