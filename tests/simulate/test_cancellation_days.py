"""Classes of the time of a cancellation, and the days that are chosen within them."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest

from rtdash.simulate.cancellation_days import CLASSES, CancellationDays, class_of, days_of
from rtdash.simulate.day_strength import DayStrength

EVEN, YEAR = [[1.0] * 7], [[1.0] * 12]
BOOKED = date(2025, 3, 3)


@pytest.mark.parametrize("lead", [0, 1, 2, 5, 9, 14, 22, 23, 24, 60, 365, 737])
def test_every_day_lies_in_its_class(lead):
    """Whatever day a row has, the class that it is counted in can give that day again."""
    for after in range(lead + 1):
        code = class_of(lead, after)
        assert 0 <= code < CLASSES
        first, last = days_of(code, lead)
        assert first <= after <= last


@pytest.mark.parametrize("lead", [0, 1, 3, 20, 400])
def test_every_class_gives_a_day_of_the_lead(lead):
    """A class that a tree gives to a lead that never had it stays between booking and arrival."""
    for code in range(CLASSES):
        first, last = days_of(code, lead)
        assert 0 <= first <= last <= lead


def test_days_beyond_booking_and_arrival_count_as_those():
    """A row that was closed after the arrival was cancelled on it, as far as a class can say."""
    assert class_of(30, 33) == class_of(30, 30)
    assert class_of(30, -2) == class_of(30, 0) == 0


def test_cancellations_keep_to_weekdays():
    """A weekday that a segment doesn't cancel on has no cancellations."""
    days = CancellationDays([[1, 1, 1, 1, 1, 0, 0]], YEAR, DayStrength("even", 0.0))
    drawn = [days.draw(CLASSES - 4, 0, BOOKED, 100, Random(seed)) for seed in range(200)]
    assert {day.weekday() for day in drawn} == {0, 1, 2, 3, 4}


def test_cancellations_keep_to_months():
    """A month without cancellations of a segment has none."""
    days = CancellationDays(EVEN, [[1.0] * 4 + [0.0] * 8], DayStrength("even", 0.0))
    drawn = {days.draw(CLASSES - 4, 0, BOOKED, 200, Random(seed)).month for seed in range(100)}
    assert drawn == {4}


def test_a_booking_from_before_has_its_days_too():
    """Bookings needn't come in the order of time."""
    days = CancellationDays(EVEN, YEAR, DayStrength("order", 1.0))
    later = days.draw(0, 0, BOOKED, 100, Random(1))
    before = days.draw(0, 0, BOOKED - timedelta(days=400), 100, Random(1))
    assert (later, before) == (BOOKED, BOOKED - timedelta(days=400))


def test_strong_days_draw_cancellations():
    """With days of unequal strength, few days have many of the cancellations."""
    shares = []
    for variance in (0.0, 3.0):
        days = CancellationDays(EVEN, YEAR, DayStrength("strong", variance, surges=True))
        drawn = Counter(
            days.draw(CLASSES - 4, 0, BOOKED + timedelta(days=seed % 50), 200, Random(seed))
            for seed in range(1500)
        )
        shares.append(sum(count for _, count in drawn.most_common(3)) / drawn.total())
    assert shares[1] > 1.5 * shares[0]
