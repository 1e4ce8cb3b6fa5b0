"""Short texts of the view: money, percent, ages, dates."""

from datetime import UTC

import pytest

from rtdash.domain.reservations import Op
from rtdash.watch.formatting import (
    CHANGES,
    NOTHING,
    age,
    arrival,
    clock_time,
    money,
    party,
    percent,
)


@pytest.mark.parametrize(
    ("amount", "text"), [(45000, "45,000 EUR"), (12.5, "12.50 EUR"), (0, "0 EUR"), (None, NOTHING)]
)
def test_money(amount, text):
    """Whole amounts without decimals, a dash where there is none."""
    assert money(amount, "EUR") == text


@pytest.mark.parametrize(
    ("trend", "text"), [(12, "+12 %"), (-8, "-8 %"), (0, "0 %"), (None, NOTHING)]
)
def test_percent(trend, text):
    """With its sign; a dash where there is no baseline."""
    assert percent(trend) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "now"), (14, "14 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h")]
)
def test_age(seconds, text):
    """In the largest unit that says enough."""
    assert age(seconds) == text


def test_arrival_of_a_stay_is_its_check_in():
    """A hotel's date is local to the hotel, whatever the zone of the reader."""
    stay = {"checkIn": "2026-01-02", "date": "2026-01-03T01:00:00Z", "time": "3:00 PM"}
    assert arrival(stay, UTC, this_year=2026) == "2 Jan 3:00 PM"


def test_money_has_the_digits_of_its_currency():
    """A dinar has a thousand fils: none is rounded away."""
    assert money(12.505, "KWD") == "12.505 KWD"
    assert money(12.5, "EUR") == "12.50 EUR"
    assert money(4500, "JPY") == "4,500 JPY"


def test_another_year_is_said():
    """A stay two years ahead is no stay of this year."""
    stay = {"checkIn": "2028-02-08", "date": "2028-02-08T15:00:00Z", "time": "3:00 PM"}
    assert arrival(stay, UTC, this_year=2026) == "8 Feb 2028 3:00 PM"


def test_unreadable_instants_are_no_fault():
    """A view goes on where a timestamp makes no sense."""
    assert clock_time("yesterday", UTC) == "--:--:--"
    assert arrival({"date": "soon", "time": "7:00 PM"}, UTC, this_year=2026) == "7:00 PM"


def test_party():
    """Singular for one guest."""
    assert (party({"guests": 1}), party({"guests": 2})) == ("1 guest", "2 guests")


def test_every_change_has_its_word():
    """No operation is shown by its name in the wire format."""
    assert set(CHANGES) == {op.value for op in Op} - {"book"}
