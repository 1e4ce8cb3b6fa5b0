"""Robust slopes: a decline is seen through noise, and a pause is none."""

import random

import pytest

from rtdash.loadtest.verdict.trends import fit_trend


def points(slope: float, noise: float, count: int = 15) -> list[tuple[float, float]]:
    rng = random.Random(3)
    return [(second, 5 + slope * second + noise * rng.random()) for second in range(count)]


@pytest.mark.parametrize(("slope", "noise"), [(1.0, 2.0), (0.0, 2.0), (-1.0, 2.0)])
def test_the_slope_lies_in_its_interval(slope: float, noise: float):
    """And only a decline's lower end is above zero."""
    trend = fit_trend(points(slope, noise))
    assert trend is not None
    assert trend.low <= slope <= trend.high
    assert (trend.low > 0) is (slope > 0)


@pytest.mark.parametrize(("count", "noise"), [(15, 5.0), (60, 20.0)])
def test_a_millisecond_a_second_is_seen_for_sure(count: int, noise: float):
    """Above what the default SLO allows: in a quarter of a minute on a quiet machine, in a minute
    on a busy one.
    """
    trend = fit_trend(points(1.0, noise, count))
    assert trend is not None
    assert trend.low > 0.5


def test_a_single_pause_is_no_trend():
    """A value a hundred times as great changes nothing; a mean would move."""
    series = points(0.0, 1.0)
    series[-2] = (series[-2][0], 500.0)
    trend = fit_trend(series)
    assert trend is not None
    assert trend.low <= 0 <= trend.high < 1


def test_a_few_points_say_nothing():
    """Many points at one instant say nothing either."""
    assert fit_trend(points(1.0, 0.0, count=7)) is None
    assert fit_trend([(1.0, float(value)) for value in range(20)]) is None


def test_an_hour_of_seconds_is_averaged():
    """In groups, and the slope stays."""
    trend = fit_trend(points(0.01, 5.0, count=3600))
    assert trend is not None
    assert trend.low == pytest.approx(0.01, rel=0.1)
