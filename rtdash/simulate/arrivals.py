"""Instants of bookings: days of unequal strength, bursts within a day, hours as usual.

A Poisson process is too even; see `DayStrength` and `burst_instants`.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from rtdash.simulate.distributions import (
    Discrete,
    cluster_mean,
    cluster_theta,
    draw_cluster_size,
    draw_poisson,
    seeded,
)

BURST_DISPERSION = 3.0
"""Variance / mean that bursts within the hour give by themselves. Assumed: the data set
has days, not hours."""

TAYLOR_EXPONENT = 1.5
"""Variance ∝ mean ^ exponent from one size of venue to another. Assumed: half-way between
independent guests (1) and shared moods (2)."""

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
_FIT_ROUNDS = 40
_WEEK = range(7)


@dataclass(frozen=True, slots=True)
class WeekdayFit:
    """Weights that make leads, booking weekdays and arrival weekdays agree: P ∝ created · lead ·
    tilt · arriving.

    `tilts[row][lead class]` corrects the leads of a row (a segment); a class is a lead of under 28
    days, or one of 28 + its weekday shift.
    """

    created: tuple[float, ...]
    arriving: tuple[float, ...]
    tilts: tuple[tuple[float, ...], ...]


def lead_class(lead_days: int) -> int:
    """Return the class of a lead: its days, or, from four weeks on, 28 + its shift of weekday (days %
    7).
    """
    return lead_days if lead_days < 28 else 28 + lead_days % 7


def fit_weekdays(
    lead_shares: Sequence[Sequence[float]], created: Sequence[float], arriving: Sequence[float]
) -> WeekdayFit:
    """Iterative proportional fitting of rows by leads by weekdays to three published margins.

    `lead_shares[row][lead class]` sum to 1 over everything; `created` and `arriving` are shares by
    weekday.
    """
    made, arrived = [share * 7 for share in created], [share * 7 for share in arriving]
    tilts = [[1.0 if share else 0.0 for share in row] for row in lead_shares]
    for _ in range(_FIT_ROUNDS):
        by_class = [
            sum(made[day] * arrived[(day + shift) % 7] for day in _WEEK) / 7 for shift in _WEEK
        ]
        tilts = [
            [tilt and 1 / by_class[index % 7] for index, tilt in enumerate(row)] for row in tilts
        ]
        mass = [
            sum(
                row[i] * tilt[i]
                for row, tilt in zip(lead_shares, tilts, strict=True)
                for i in _classes(shift)
            )
            for shift in _WEEK
        ]
        for day in _WEEK:
            made[day] = created[day] / sum(
                mass[shift] * arrived[(day + shift) % 7] / 7 for shift in _WEEK
            )
        for day in _WEEK:
            arrived[day] = arriving[day] / sum(
                mass[shift] * made[(day - shift) % 7] / 7 for shift in _WEEK
            )
    return WeekdayFit(tuple(made), tuple(arrived), tuple(tuple(row) for row in tilts))


class DayStrength:
    """Gamma multipliers of mean 1, one for each day.

    It averages 1 over each calendar month as well: bursts move bookings between days, the season
    stays the published one.
    """

    def __init__(self, seed: str, variance: float) -> None:
        self._seed = seed
        self._variance = variance
        self._month = lru_cache(maxsize=32)(self._draw_month)

    def __call__(self, day: date) -> float:
        """Return the multiplier of that day, whatever days were asked for before."""
        return self._month(day.year, day.month)[day.day - 1]

    def _draw_month(self, year: int, month: int) -> list[float]:
        count = monthrange(year, month)[1]
        if self._variance <= 0:
            return [1.0] * count
        rng = seeded(f"{self._seed}/{year}-{month}")
        drawn = [rng.gammavariate(1 / self._variance, self._variance) for _ in range(count)]
        return [strength * count / sum(drawn) for strength in drawn]


def day_variance(
    dispersion: float, reference_mean: float, mean: float, weekday_shares: Sequence[float]
) -> float:
    """Return the variance that a day's strength needs, so that daily counts of `mean` are as uneven as
    published.

    `dispersion` is the published variance / mean at `reference_mean` a day. Bursts and the weekdays
    explain a part of it.
    """
    wanted: float = dispersion * (mean / reference_mean) ** (TAYLOR_EXPONENT - 1)
    total = max(0.0, wanted - BURST_DISPERSION) / mean
    weekdays = sum((share * 7 - 1) ** 2 for share in weekday_shares) / 7
    return max(0.0, (1 + total) / (1 + weekdays) - 1)


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


def whole_ms(instant: datetime) -> datetime:
    """Return the instant without what is below a millisecond, as instants are kept and written."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def days_from(first: date, count: int) -> Iterator[date]:
    """`count` dates from `first` on."""
    return (first + timedelta(days=index) for index in range(count))


def _classes(shift: int) -> range:
    return range(shift, 35, 7)
