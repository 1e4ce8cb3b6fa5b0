from collections import Counter
from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest

from rtdash.simulate.calibration import TrafficProfile
from rtdash.simulate.hotel import NON_REFUND, Ending, HotelDemand
from rtdash.simulate.prices import CENT, FIVE, NINE

LISBON = ZoneInfo("Europe/Lisbon")
YEAR = date(2025, 1, 1)


@pytest.fixture(scope="module")
def stays():
    """A year of a resort, 20 bookings a day."""
    return list(
        HotelDemand(TrafficProfile.RESORT, LISBON, seed="hotel", per_day=20.0).stays(YEAR, 365)
    )


def test_stays_come_in_the_order_of_booking(stays):
    """The stream is that of the reservation generator, day after day, at about the volume asked
    for.
    """
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


def test_a_block_is_booked_at_once_for_the_same_nights(stays):
    """A block's rooms share instant, dates, segment and country; groups mostly come as one."""
    blocks = [
        list(rooms)
        for block, rooms in groupby(stays, key=lambda stay: stay.block)
        if block is not None
    ]
    assert all(
        len({(stay.booked_at, stay.check_in, stay.nights, stay.segment) for stay in rooms}) == 1
        for rooms in blocks
    )
    grouped = [stay.block is not None for stay in stays if stay.segment == "Groups"]
    assert sum(grouped) > 0.8 * len(grouped)
    assert max(map(len, blocks)) > 20


def test_rooms_of_a_block_for_equal_parties_cost_the_same(stays):
    """One quotation: 198 and 627 EUR for the same nights is none."""
    quoted = {}
    for stay in stays:
        if stay.block is not None and stay.rate_factor:
            quoted.setdefault((stay.block, stay.adults, stay.children), set()).add(stay.rate_factor)
    assert all(len(rates) == 1 for rates in quoted.values())


def test_rooms_of_a_block_mostly_share_their_fate(stays):
    """Wholly kept or wholly called off, or with a few rooms of another fate."""
    fates = {}
    for stay in stays:
        if stay.block is not None:
            fates.setdefault(stay.block, []).append(stay.ending is Ending.STAYED)
    large = [rooms for rooms in fates.values() if len(rooms) >= 4]
    shares = [max(sum(rooms), len(rooms) - sum(rooms)) / len(rooms) for rooms in large]
    assert sum(shares) / len(shares) > 0.85
    assert any(0.5 < share < 1 for share in shares)


def test_no_block_is_larger_than_allowed():
    """A small house is not asked for more rooms than it would give to one group."""
    stays = HotelDemand(TrafficProfile.CITY, LISBON, seed="x", per_day=50.0, most_rooms=5).stays(
        YEAR, 60
    )
    sizes = Counter(stay.block for stay in stays if stay.block is not None)
    assert max(sizes.values()) == 5


def test_tentative_blocks_are_called_off(stays):
    """What the data set calls non-refundable nearly never comes."""
    tentative = [stay.ending for stay in stays if stay.deposit == NON_REFUND]
    assert tentative.count(Ending.CANCELLED) / len(tentative) > 0.85


def test_summer_nights_cost_more(stays):
    """The rate follows the month of arrival."""
    mean = {
        month: _mean([stay.rate_factor for stay in stays if stay.check_in.month == month])
        for month in (1, 8)
    }
    assert mean[8] > 2.5 * mean[1]


def test_prices_look_like_prices(stays):
    """A fifth is on fives or nines (in the data a quarter), a fifth has odd cents."""
    forms = Counter(stay.price_form for stay in stays if stay.rate_factor)
    assert 0.18 < (forms[FIVE] + forms[NINE]) / forms.total() < 0.35
    assert 0.1 < forms[CENT] / forms.total() < 0.25


def test_some_nights_are_free_and_none_costs_next_to_nothing(stays):
    """As in the data, about 1 % of the rooms; the others cost a seventh of the mean at least."""
    rates = [stay.rate_factor for stay in stays]
    assert 0.005 < rates.count(0.0) / len(rates) < 0.03
    assert min(rate for rate in rates if rate) > 0.14


def test_cancellations_are_made_on_working_days(stays):
    """A weekend day has far fewer, as in the data; all lie between booking and arrival."""
    days = [stay.cancelled_on for stay in stays if stay.cancelled_on]
    weekend = sum(day.weekday() >= 5 for day in days) / len(days)
    assert weekend < 0.2
    assert all(
        stay.booked_at.astimezone(LISBON).date() <= stay.cancelled_on <= stay.check_in
        for stay in stays
        if stay.cancelled_on
    )


def test_one_booking_at_an_instant(stays):
    """Live traffic asks for one booking at an instant; its lead can be given."""
    demand = HotelDemand(TrafficProfile.CITY, LISBON, seed="now", per_day=1.0)
    instant = stays[0].booked_at
    asked = [demand.stays_at(instant, lead_days=0) for _ in range(200)]
    assert all(
        stay.booked_at == instant and stay.check_in == YEAR for rooms in asked for stay in rooms
    )
    assert any(len(rooms) > 1 for rooms in asked)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
