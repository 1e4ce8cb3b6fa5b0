"""Factors of months and weekdays on a tree's shares."""

import pytest

from rtdash.simulate.conditional_law import ConditionalLaw
from rtdash.simulate.raked_law import RakedLaw

TREE = {"splits": [-1], "leaves": [[0, 500, 1, 300, 1, 200]]}
"""One leaf: three codes of 0.5, 0.3, 0.2."""

MONTHS = {"of": [2, 0], "factors": [[[100, 100]] * 12, [[100, 100]] * 11 + [[200, 50]]]}
WEEKDAYS = {"of": [1], "factors": [[100, 100]] * 6 + [[100, 300]]}
FACTORS = {"bands": [0, 1, 1], "margins": [MONTHS, WEEKDAYS]}
"""Two segments; the second has more of the first band in December. Sundays have more of the other."""


@pytest.fixture
def law():
    return RakedLaw(ConditionalLaw(TREE, [12, 7, 2]), FACTORS)


def test_factors_of_one_change_nothing(law):
    """The shares are the tree's."""
    assert list(law.given([3, 2, 0])) == pytest.approx([0.5, 0.8, 1.0])


def test_a_month_has_its_own_shares(law):
    """Segment and month decide; within a band the tree's proportions stay."""
    assert list(law.given([11, 2, 1])) == pytest.approx([0.8, 0.92, 1.0])
    assert list(law.given([11, 2, 0])) == pytest.approx([0.5, 0.8, 1.0])


def test_a_weekday_has_its_own_shares(law):
    """Factors of the weekday multiply with those of the month."""
    assert list(law.given([3, 6, 0])) == pytest.approx([0.25, 0.7, 1.0])
    assert list(law.given([11, 6, 1])) == pytest.approx([4 / 7, 4 / 7 + 9 / 35, 1.0])


def test_draws_follow_the_shares(law):
    """A rank falls into the code that covers it, also the second time."""
    assert [law.draw([3, 6, 0], rank) for rank in (0.0, 0.24, 0.26, 0.69, 0.71)] == [0, 0, 1, 1, 2]
