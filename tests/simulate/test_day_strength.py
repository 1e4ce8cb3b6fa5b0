"""Days of unequal strength and price."""

import math
from datetime import date
from itertools import pairwise
from statistics import fmean, median, pvariance

import pytest

from rtdash.simulate.arrivals import days_from
from rtdash.simulate.day_strength import DayLevel, DayStrength


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


def test_a_day_remembers_the_day_before():
    """With a memory, strong days follow strong ones, over the ends of months as well."""
    correlations = []
    for memory in (0.0, 0.8):
        strength = DayStrength("memory", 0.1, memory=memory)
        logs = [math.log(strength(day)) for day in days_from(date(2024, 1, 1), 720)]
        mean = fmean(logs)
        products = [(one - mean) * (other - mean) for one, other in pairwise(logs)]
        correlations.append(fmean(products) / pvariance(logs))
    assert correlations[0] < 0.15
    assert 0.5 < correlations[1] < 0.9


def test_a_surge_is_far_beyond_other_days():
    """The strongest of two years' days: three times the mean without surges."""
    days = list(days_from(date(2024, 1, 1), 730))
    strongest = {
        surges: median(
            max(map(DayStrength(f"{seed}", 0.13, surges=surges), days)) for seed in range(7)
        )
        for surges in (False, True)
    }
    assert strongest[False] < 3.5
    assert strongest[True] > 1.3 * strongest[False]


def test_days_of_surges_average_one_over_months_alone():
    """A weekday may be strong for a month."""
    strength = DayStrength("month", 0.5, surges=True)
    month = [strength(day) for day in days_from(date(2024, 2, 1), 29)]
    assert fmean(month) == pytest.approx(1.0)
    assert fmean(month[::7]) != pytest.approx(1.0)


def test_without_variance_all_days_are_equal():
    """Nothing to explain, nothing drawn."""
    assert DayStrength("even", 0.0)(date(2025, 5, 5)) == 1.0


def test_levels_are_alike_in_all_months():
    """Each month has the same levels on other days, so that its prices stay its own."""
    level = DayLevel("level", 0.5)
    months = [sorted(level(day) for day in days_from(date(2025, m, 1), 31)) for m in (1, 3)]
    assert months[0] == months[1]
    assert fmean(months[0]) == pytest.approx(0.0, abs=1e-9)


def test_moved_ranks_stay_even():
    """Over a month they are as even as the ranks that came in; a day's are alike."""
    level, month = DayLevel("even", 0.0), list(days_from(date(2025, 1, 1), 31))
    moved = {day: [level.rank(day, (i + 0.5) / 100, 0.7) for i in range(100)] for day in month}
    every = sorted(rank for ranks in moved.values() for rank in ranks)
    assert all(abs(every[len(every) * tenth // 10] - tenth / 10) < 0.02 for tenth in range(1, 10))
    assert pvariance([fmean(ranks) for ranks in moved.values()]) > 0.02
    assert level.rank(month[0], 0.3, 0.0) == 0.3
