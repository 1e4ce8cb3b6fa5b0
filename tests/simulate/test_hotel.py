from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.calibration import BLOCK_SEGMENT, NON_REFUND, Profile
from rtdash.simulate.hotel import Ending, HotelDemand

LISBON = ZoneInfo("Europe/Lisbon")
YEAR = date(2025, 1, 1)


@pytest.fixture(scope="module")
def stays():
    """A year of a resort, 20 bookings a day."""
    return list(HotelDemand(Profile.RESORT, LISBON, seed="hotel", per_day=20.0).stays(YEAR, 365))


def test_stays_come_in_the_order_of_booking(stays):
    """The stream is that of the reservation generator, day after day, at about the volume asked for."""
    assert [stay.booked_at for stay in stays] == sorted(stay.booked_at for stay in stays)
    assert len(stays) == pytest.approx(20 * 365, rel=0.1)


def test_the_lead_ties_booking_and_arrival(stays):
    """A guest arrives as many local days after booking as the lead says, and leaves after the
    nights.
    """
    for stay in stays:
        assert stay.check_in == stay.booked_at.astimezone(LISBON).date() + timedelta(
            days=stay.lead_days
        )
        assert stay.check_out - stay.check_in == timedelta(days=stay.nights) >= timedelta(days=1)
        assert stay.guests >= 1


def test_the_resort_has_a_peak_of_a_week(stays):
    """Seven nights are far more frequent than six or eight."""
    nights = [stay.nights for stay in stays]
    assert nights.count(7) > 2 * max(nights.count(6), nights.count(8))


def test_a_group_takes_a_block_for_the_same_nights(stays):
    """The rooms of a block are booked at once and share their dates; nobody else has one."""
    assert all((stay.block is not None) == (stay.segment == BLOCK_SEGMENT) for stay in stays)
    blocks = [
        list(rooms)
        for block, rooms in groupby(stays, key=lambda stay: stay.block)
        if block is not None
    ]
    assert max(len(rooms) for rooms in blocks) > 1
    assert all(
        len({(stay.booked_at, stay.check_in, stay.nights) for stay in rooms}) == 1
        for rooms in blocks
    )


def test_tentative_blocks_are_called_off(stays):
    """What the data set calls non-refundable nearly never comes."""
    tentative = [stay.ending for stay in stays if stay.deposit == NON_REFUND]
    assert tentative.count(Ending.CANCELLED) / len(tentative) > 0.9


def test_summer_nights_cost_more(stays):
    """The rate follows the month of arrival."""
    mean = {
        month: _mean([stay.rate_factor for stay in stays if stay.check_in.month == month])
        for month in (1, 8)
    }
    assert mean[8] > 2.5 * mean[1]


def test_one_booking_at_an_instant(stays):
    """Live traffic asks for one booking at an instant; its lead can be told."""
    demand = HotelDemand(Profile.CITY, LISBON, seed="now", per_day=1.0)
    instant = stays[0].booked_at
    asked = [demand.stays_at(instant, lead_days=0) for _ in range(200)]
    assert all(
        stay.booked_at == instant and stay.check_in == YEAR for rooms in asked for stay in rooms
    )
    assert any(len(rooms) > 1 for rooms in asked)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
