"""Instants of bookings: days of unequal strength, bursts within a day, hours as usual.

A Poisson process is too even; see `DayStrength` and `burst_instants`.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from rtdash.simulate.distributions import (
    Discrete,
    cluster_mean,
    cluster_theta,
    draw_cluster_size,
    draw_poisson,
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


def burst_instants(
    rng: Random, day: date, mean: float, hours: Discrete[int], zone: ZoneInfo
) -> list[datetime]:
    """Return the instants (UTC, whole ms, ascending) of the day's bookings, `mean` of them on
    average, in bursts.
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
    """Return the UTC instant, in whole ms, of so many seconds by the wall clock after the midnight
    that begins `day`.
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
