from collections import Counter
from datetime import date, timedelta
from statistics import fmean, pvariance
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.arrivals import (
    HOTEL_BOOKING_HOURS,
    DayStrength,
    burst_instants,
    day_variance,
    days_from,
    fit_weekdays,
    lead_class,
    local_instant,
)
from rtdash.simulate.distributions import seeded

LISBON = ZoneInfo("Europe/Lisbon")
MADE = (0.2, 0.2, 0.2, 0.15, 0.15, 0.06, 0.04)
ARRIVING = (0.1, 0.1, 0.1, 0.15, 0.2, 0.25, 0.1)


def test_fitting_meets_all_three_margins():
    """Booking weekdays, arrival weekdays and leads come out as asked, although short leads tie them
    together.
    """
    leads = [[0.3, 0.1, *[0.0] * 33], [0.0] * 28 + [0.6 / 7] * 7]
    fit = fit_weekdays(leads, MADE, ARRIVING)
    cells = Counter()
    for row, shares in enumerate(leads):
        for shift, share in enumerate(shares):
            for day in range(7):
                weight = (
                    share
                    * fit.tilts[row][shift]
                    * fit.created[day]
                    * fit.arriving[(day + shift) % 7]
                    / 7
                )
                cells["made", day] += weight
                cells["arriving", (day + shift) % 7] += weight
                cells["lead", row, shift] += weight
    assert [cells["made", day] for day in range(7)] == pytest.approx(MADE, abs=1e-3)
    assert [cells["arriving", day] for day in range(7)] == pytest.approx(ARRIVING, abs=1e-3)
    assert cells["lead", 0, 0] == pytest.approx(0.3, abs=2e-3)


def test_leads_beyond_four_weeks_keep_their_weekday():
    """A class of leads shifts the weekday as its days do."""
    assert [lead_class(days) for days in (0, 27, 28, 30, 365)] == [0, 27, 28, 30, 29]
    assert all(lead_class(days) % 7 == days % 7 for days in range(800))


def test_days_average_one_in_every_month():
    """Strong and weak days move bookings within a month, not between months."""
    strength = DayStrength("month", 0.5)
    month = [strength(day) for day in days_from(date(2024, 2, 1), 29)]
    assert fmean(month) == pytest.approx(1.0)
    assert pvariance(month) > 0.1


def test_a_day_is_as_strong_whenever_it_is_asked_for():
    """The strength of a day depends on the seed and the day alone."""
    forwards, backwards = DayStrength("order", 0.5), DayStrength("order", 0.5)
    days = list(days_from(date(2025, 1, 20), 30))
    assert [forwards(day) for day in days] == [backwards(day) for day in reversed(days)][::-1]


def test_without_variance_all_days_are_equal():
    """Nothing to explain, nothing drawn."""
    assert DayStrength("even", 0.0)(date(2025, 5, 5)) == 1.0


def test_the_published_unevenness_is_split_between_its_causes():
    """Strength, weekdays and bursts together give the published variance / mean at the published
    volume.
    """
    even = [1 / 7] * 7
    variance = day_variance(22.0, 50.0, 50.0, even)
    assert 3.0 + 50.0 * variance == pytest.approx(22.0)
    assert day_variance(22.0, 50.0, 50.0, MADE) < variance
    assert day_variance(1.0, 50.0, 50.0, even) == 0.0


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
    assert pvariance(counts) / fmean(counts) == pytest.approx(3.0, rel=0.15)


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
