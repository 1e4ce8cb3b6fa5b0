"""Forms of prices."""

from random import Random

import pytest

from rtdash.simulate.prices import (
    CENT,
    FIVE,
    HALF,
    NINE,
    TENTH,
    WHOLE,
    form_of,
    nearest_price,
    price_between,
)


@pytest.mark.parametrize(
    ("cents", "form"),
    [(14500, FIVE), (14900, NINE), (14800, WHOLE), (14850, HALF), (14810, TENTH), (14813, CENT)],
)
def test_a_price_has_the_first_form_that_fits(cents, form):
    """145 has the form "on fives", although it is a whole price as well."""
    assert form_of(cents) == form


def test_the_nearest_price_has_exactly_that_form():
    """Never 0, which is a free night."""
    rng = Random(1)
    for _ in range(500):
        cents, form = rng.uniform(300, 60_000), rng.randrange(6)
        price = nearest_price(cents, form)
        assert form_of(price) == form
        assert abs(price - cents) <= 1000
    assert nearest_price(100, FIVE) == 500


def test_a_price_lies_within_its_class():
    """With the form, where the class has such a price, else with the next finer one."""
    rng = Random(2)
    for _ in range(500):
        low = rng.randrange(1500, 30_000)
        high = low + rng.choice((1, 2, 60, 700, 4000))
        price = price_between(low, high, rng.random(), rng.randrange(6))
        assert low <= price < high
    assert form_of(price_between(8_800, 9_600, 0.5, FIVE)) == FIVE
    assert price_between(7_500, 7_501, 0.9, TENTH) == 7_500
