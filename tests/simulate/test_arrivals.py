from datetime import date, timedelta
from statistics import fmean, pvariance
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.arrivals import (
    HOTEL_BOOKING_HOURS,
    awake,
    burst_instants,
    local_instant,
)
from rtdash.simulate.distributions import seeded

LISBON = ZoneInfo("Europe/Lisbon")


def test_bursts_stay_within_their_local_day_in_order():
    """Instants ascend, whole milliseconds, all of the local date, also when its clocks change."""
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        instants = burst_instants(seeded(f"{day}"), day, 200.0, HOTEL_BOOKING_HOURS, LISBON)
        assert instants == sorted(instants)
        assert {instant.astimezone(LISBON).date() for instant in instants} == {day}
        assert all(instant.microsecond % 1000 == 0 for instant in instants)


def test_bursts_average_what_was_asked_for():
    """The mean of the day is kept, the bookings come in clusters."""
    rng, day = seeded("mean"), date(2025, 6, 3)
    counts = [len(burst_instants(rng, day, 20.0, HOTEL_BOOKING_HOURS, LISBON)) for _ in range(2000)]
    assert fmean(counts) == pytest.approx(20.0, rel=0.03)
    assert pvariance(counts) / fmean(counts) == pytest.approx(1.5, rel=0.15)


def test_local_instants_follow_the_wall_clock():
    """Noon is noon on either side of a change of the clocks, and seconds may reach into the next
    day.
    """
    before, after = (local_instant(date(2026, 3, day), 12 * 3600, LISBON) for day in (28, 29))
    assert after - before == timedelta(hours=23)
    assert (
        local_instant(date(2026, 6, 1), 25 * 3600, LISBON).astimezone(LISBON).isoformat()
        == "2026-06-02T01:00:00+01:00"
    )


def test_nothing_is_written_in_the_small_hours():
    """Between one and nine an instant moves into the morning, in order, before the limit."""
    until = local_instant(date(2026, 6, 2), 20 * 3600, LISBON)
    night = [local_instant(date(2026, 6, 1), hour * 1800, LISBON) for hour in range(48)]
    moved = [awake(instant, until, LISBON) for instant in night]
    assert moved[1:18] == sorted(moved[1:18])
    assert {instant.astimezone(LISBON).hour for instant in moved} == {0, *range(9, 24)}


def test_a_limit_in_the_small_hours_is_kept():
    """What must happen before the morning stays where it was."""
    instant = local_instant(date(2026, 6, 1), 3 * 3600, LISBON)
    assert awake(instant, instant + timedelta(hours=1), LISBON) < instant + timedelta(hours=1)
