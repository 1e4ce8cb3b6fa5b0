"""A guest who leaves early: the nights that are freed, and what the stay costs then."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from rtdash.domain.availability import Night, Rooms, nights_touched_in_turn
from rtdash.domain.money_refusals import AmountBelowCharges
from rtdash.domain.operations import decide
from rtdash.domain.refusals import BadValue
from rtdash.domain.reservations import Op, Status
from rtdash.domain.venues import Venue

Make = Callable[..., Any]
STAY = {"check_in": date(2026, 7, 8), "check_out": date(2026, 7, 14)}
ARRIVED = ((Op.BOOK, STAY), Op.CHECK_IN)


def test_the_nights_from_that_business_date_on_are_free_again(hotel: Venue, apply: Make) -> None:
    """Six nights were booked, the guest leaves after two; the amount stays as agreed."""
    rooms = Rooms()
    left = apply(hotel, *ARRIVED, Op.CHECK_OUT, rooms=rooms)
    assert (left.status, left.check_out) == (Status.CHECKED_OUT, date(2026, 7, 10))
    assert left.amount_minor == 72_000
    assert [rooms.sold("double", date(2026, 7, day)) for day in (8, 9, 10, 13)] == [1, 1, 0, 0]


def test_a_stay_has_a_night_at_least(hotel: Venue, apply: Make) -> None:
    """Leaving on the day of arrival, or before it, keeps the first night."""
    for check_in in (date(2026, 7, 10), date(2026, 7, 12)):
        dates = {"check_in": check_in, "check_out": date(2026, 7, 14)}
        left = apply(hotel, (Op.BOOK, dates), Op.CHECK_IN, Op.CHECK_OUT)
        assert (left.check_out - check_in).days == 1


@pytest.mark.parametrize("check_out", [date(2026, 7, 9), date(2026, 7, 10)])
def test_leaving_on_time_or_late_changes_no_night(
    check_out: date, hotel: Venue, apply: Make
) -> None:
    """A stay is never made longer than it was booked."""
    dates = {"check_in": date(2026, 7, 8), "check_out": check_out}
    assert apply(hotel, (Op.BOOK, dates), Op.CHECK_IN, Op.CHECK_OUT).check_out == check_out


def test_before_the_closeout_hour_it_is_the_evening_before(hotel: Venue, apply: Make) -> None:
    """At 2 AM the night has begun that is left, and the date is that of the evening."""
    at_two = datetime(2026, 7, 11, 1, tzinfo=UTC)
    left = apply(hotel, *ARRIVED, Op.CHECK_OUT, at=at_two)
    assert left.check_out == date(2026, 7, 10)


def test_an_amount_may_be_agreed_at_the_desk(hotel: Venue, apply: Make) -> None:
    """The agreed amount takes the place of the stay's; what was paid beyond it is a credit."""
    left = apply(
        hotel,
        *ARRIVED,
        (Op.PAY, {"amount_minor": 50_000}),
        (Op.CHECK_OUT, {"amount_minor": 24_000}),
    )
    assert (left.amount_minor, left.balance_minor) == (24_000, -26_000)


def test_the_amount_covers_the_charges(hotel: Venue, apply: Make) -> None:
    """An amount below what was charged, or below nothing, is refused."""
    charged = (*ARRIVED, (Op.CHARGE, {"category": "Bar", "amount_minor": 500}))
    with pytest.raises(AmountBelowCharges):
        apply(hotel, *charged, (Op.CHECK_OUT, {"amount_minor": 499}))
    with pytest.raises(BadValue):
        apply(hotel, *ARRIVED, (Op.CHECK_OUT, {"amount_minor": -1}))


def test_the_freed_nights_are_known_before_it_is_decided(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """What a check-out may free is loaded with its batch."""
    stay = apply(hotel, *ARRIVED)
    leaving = operation(Op.CHECK_OUT, hotel)
    touched = nights_touched_in_turn([leaving], stay, hotel)
    rooms = Rooms({(night.room_type, night.date): 2 for night in touched})
    decide(leaving, stay, venue=hotel, now=now, rooms=rooms)
    assert set(rooms.changes()) == {Night("double", date(2026, 7, day)) for day in range(10, 14)}
    assert set(rooms.changes()) <= touched
