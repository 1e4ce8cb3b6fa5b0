from datetime import date, timedelta
from statistics import fmean, pvariance
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.arrivals import (
    HOTEL_BOOKING_HOURS,
    DayStrength,
    awake,
    burst_instants,
    days_from,
    local_instant,
)
from rtdash.simulate.distributions import seeded

LISBON = ZoneInfo("Europe/Lisbon")


def test_days_average_one_in_every_month():
    """Strong and weak days move bookings between like weekdays of a month, not otherwise."""
    strength = DayStrength("month", 0.5)
    month = [strength(day) for day in days_from(date(2024, 2, 1), 29)]
    assert [fmean(month[weekday::7]) for weekday in range(7)] == pytest.approx([1.0] * 7)
    assert pvariance(month) > 0.1


def test_a_day_is_as_strong_whenever_it_is_asked_for():
    """The strength of a day depends on the seed and the day alone."""
    forwards, backwards = DayStrength("order", 0.5), DayStrength("order", 0.5)
    days = list(days_from(date(2025, 1, 20), 30))
    assert [forwards(day) for day in days] == [backwards(day) for day in reversed(days)][::-1]


def test_without_variance_all_days_are_equal():
    """Nothing to explain, nothing drawn."""
    assert DayStrength("even", 0.0)(date(2025, 5, 5)) == 1.0


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
