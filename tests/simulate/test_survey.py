"""The survey finds what doesn't depend on each other as in the data, and passes what does."""

from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from loadtests.calibrate import survey
from loadtests.calibrate.columns import bookings_of_rows, bookings_of_stays, columns
from loadtests.calibrate.day_figures import figures
from loadtests.calibrate.rows import Row
from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.hotel import Ending, HotelDemand, Stay
from rtdash.simulate.hotel_chain import hotel_chain

ARRIVAL = date(2016, 7, 1)


@pytest.fixture(scope="module")
def bookings():
    """Bookings of two years, some thousands, in two random halves."""
    demand = HotelDemand(TrafficProfile.CITY, ZoneInfo("Europe/Lisbon"), seed="s", per_day=10.0)
    mean = hotel_chain(TrafficProfile.CITY).mean_rate
    made = bookings_of_stays(demand.stays(date(2022, 9, 1), 730), mean)
    Random(1).shuffle(made)
    return made[::2], made[1::2]


def test_rows_and_stays_become_the_same_bookings():
    """One guest, once in the data set and once generated."""
    row = Row(
        ARRIVAL, ARRIVAL - timedelta(days=30), 30, 4, 2, 1, "Direct", "Transient", "No Deposit", 0,
        "FRA", 106.09, "Canceled", ARRIVAL - timedelta(days=3), 1, (),
    )  # fmt: skip
    stay = Stay(
        "Direct", None, ARRIVAL, 30, 4, 2, 1, "No Deposit", "FRA", Ending.CANCELLED,
        ARRIVAL - timedelta(days=3), 1, repeated=False, rate_factor=1.0,
    )  # fmt: skip
    one, other = bookings_of_rows([row, row]), bookings_of_stays([stay, stay], 106.09)
    assert one == other
    assert one[0].rooms == 2
    values = {name: column(one[0]) for name, column in columns(one).items()}
    assert values["weekend nights"] == 2  # a Friday, four nights
    assert values["cancelled ahead"] == 3
    assert values["party"] == 3


def test_like_bookings_are_within_all_bounds(bookings):
    """Two halves of one law differ by nothing beyond what two halves differ by."""
    one, other = bookings
    worst, _ = max(survey.pairs(one, other, [one]))
    assert worst == pytest.approx(0.0, abs=1e-9)


def test_a_column_that_stands_alone_is_found(bookings):
    """Segments that no longer depend on the lead come first."""
    one, other = bookings
    segments = [booking.segment for booking in one]
    Random(2).shuffle(segments)
    alone = [b._replace(segment=s) for b, s in zip(one, segments, strict=True)]
    lines = sorted(survey.pairs(one, other, [alone]), reverse=True)
    assert all("segment" in line for _, line in lines[:5])
    assert lines[0][1].endswith("| NO |")


def test_days_on_which_much_is_cancelled_are_found(bookings):
    """A day with a third of all cancellations shows in the figures."""
    one, _ = bookings
    days = sorted(booking.cancelled_on for booking in one if booking.cancelled_on)
    day = days[len(days) // 2]
    rng = Random(3)
    swept = [
        b._replace(cancelled_on=day) if b.cancelled_on and rng.random() < 0.3 else b for b in one
    ]
    name = "cancellations a day, largest over mean"
    assert figures(swept)[name] > 1.5 * figures(one)[name]
