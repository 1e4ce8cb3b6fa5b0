"""Rooms by night and type: what is sold, what is left, and that the counts always hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from rtdash.domain.availability import (
    Rooms,
    nights_held,
    nights_touched_in_turn,
)
from rtdash.domain.operations import decide
from rtdash.domain.reservations import Op
from rtdash.domain.stay_refusals import NoAvailability
from rtdash.domain.venues import Venue

Make = Callable[..., Any]
DAY = date(2026, 7, 12)
SUITE = {"room_type": "suite"}


def days(*numbers: int, room_type: str = "double") -> set[tuple[str, date]]:
    """Nights of July 2026."""
    return {(room_type, date(2026, 7, number)) for number in numbers}


def test_a_booking_takes_its_nights(hotel: Venue, apply: Make) -> None:
    """The night of the last day is not part of the stay."""
    rooms = Rooms()
    apply(hotel, Op.BOOK, rooms=rooms)
    assert rooms.changes() == dict.fromkeys(days(12, 13), 1)


def test_a_type_is_sold_until_it_is_full(hotel: Venue, apply: Make) -> None:
    """The last room is sold, one more is refused for the night and type, and takes nothing."""
    rooms = Rooms(dict.fromkeys(days(13), 1))
    apply(hotel, Op.BOOK, rooms=rooms)
    with pytest.raises(NoAvailability) as refused:
        apply(hotel, Op.BOOK, rooms=rooms)
    assert (refused.value.room_type, refused.value.night, refused.value.total_rooms) == (
        "double",
        date(2026, 7, 13),
        2,
    )
    assert refused.value.code == "no_availability"
    assert rooms.changes() == dict.fromkeys(days(12, 13), 1)
    apply(hotel, (Op.BOOK, SUITE), rooms=rooms)


def test_a_hotel_that_overbooks_sells_on(hotel: Venue, apply: Make) -> None:
    """Where the venue allows it, the count goes beyond the rooms."""
    rooms = Rooms(dict.fromkeys(days(12, 13), 2))
    apply(replace(hotel, allow_overbooking=True), Op.BOOK, rooms=rooms)
    assert rooms.sold("double", DAY) == 3


@pytest.mark.parametrize("op", [Op.CANCEL, Op.NO_SHOW])
def test_who_does_not_come_gives_the_room_back(op: Op, hotel: Venue, apply: Make) -> None:
    """Cancelled and NoShow hold no room."""
    rooms = Rooms()
    apply(hotel, Op.BOOK, op, rooms=rooms)
    assert rooms.changes() == {}


@pytest.mark.parametrize(("op", "undo"), [(Op.CANCEL, Op.REINSTATE), (Op.NO_SHOW, Op.UNDO_NO_SHOW)])
def test_who_comes_after_all_needs_a_room(
    op: Op, undo: Op, hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A reversal takes the nights again, and is refused when they are sold meanwhile."""
    rooms = Rooms()
    gone = apply(hotel, (Op.BOOK, SUITE), op, rooms=rooms)
    decide(operation(undo, hotel), gone, venue=hotel, now=now, rooms=rooms)
    assert rooms.changes() == dict.fromkeys(days(12, 13, room_type="suite"), 1)
    with pytest.raises(NoAvailability):
        decide(operation(undo, hotel), gone, venue=hotel, now=now, rooms=rooms)


def test_moving_a_stay_moves_its_nights(hotel: Venue, apply: Make) -> None:
    """Nights that both stays have in common are kept, though the hotel is full on them."""
    rooms = Rooms(dict.fromkeys(days(12, 13), 1))
    apply(
        hotel,
        Op.BOOK,
        (Op.AMEND, {"check_in": date(2026, 7, 13), "check_out": date(2026, 7, 15)}),
        rooms=rooms,
    )
    assert rooms.changes() == dict.fromkeys(days(13, 14), 1)


def test_changing_the_room_type_moves_every_night(hotel: Venue, apply: Make) -> None:
    """The old type is given back, the new one taken."""
    rooms = Rooms()
    apply(hotel, Op.BOOK, (Op.AMEND, SUITE), rooms=rooms)
    assert rooms.changes() == dict.fromkeys(days(12, 13, room_type="suite"), 1)


def test_an_amendment_into_a_full_night_changes_nothing(hotel: Venue, apply: Make) -> None:
    """A refused move leaves the old nights taken."""
    rooms = Rooms(dict.fromkeys(days(14), 2))
    with pytest.raises(NoAvailability):
        apply(hotel, Op.BOOK, (Op.AMEND, {"check_out": date(2026, 7, 16)}), rooms=rooms)
    assert rooms.changes() == dict.fromkeys(days(12, 13), 1)


def test_a_guest_who_left_held_the_room(hotel: Venue, apply: Make) -> None:
    """Nights that were slept were sold, and stay so in the figures."""
    end = datetime(2026, 7, 14, 9, tzinfo=UTC)
    left = apply(hotel, Op.BOOK, Op.CHECK_IN, Op.CHECK_OUT, at=end)
    assert nights_held(left) == days(12, 13)


def test_a_table_holds_no_room(restaurant: Venue, apply: Make) -> None:
    """Restaurants have no capacity check."""
    rooms = Rooms()
    assert nights_held(apply(restaurant, Op.BOOK, rooms=rooms)) == set()
    assert rooms.changes() == {}


def test_an_operation_touches_what_it_may_change(
    hotel: Venue, restaurant: Venue, apply: Make, operation: Make
) -> None:
    """A booking touches its nights, a move old and new, a reversal the old, a payment none."""
    stay = apply(hotel, Op.BOOK)
    move = operation(Op.AMEND, hotel, check_out=date(2026, 7, 16))
    assert nights_touched_in_turn([operation(Op.BOOK, hotel)], None, hotel) == days(12, 13)
    assert nights_touched_in_turn([move], stay, hotel) == days(12, 13, 14, 15)
    for op in (Op.CANCEL, Op.REINSTATE, Op.NO_SHOW, Op.UNDO_NO_SHOW):
        assert nights_touched_in_turn([operation(op, hotel)], stay, hotel) == days(12, 13)
    assert nights_touched_in_turn([operation(Op.PAY, hotel)], stay, hotel) == set()
    assert nights_touched_in_turn([operation(Op.BOOK, restaurant)], None, restaurant) == set()


def test_an_endless_stay_touches_nothing(hotel: Venue, operation: Make) -> None:
    """Dates that are refused anyway, reversed or years apart, ask for no counts."""
    assert (
        nights_touched_in_turn(
            [operation(Op.BOOK, hotel, check_out=date(9999, 12, 31))], None, hotel
        )
        == set()
    )
    assert (
        nights_touched_in_turn([operation(Op.BOOK, hotel, check_out=date(2026, 7, 1))], None, hotel)
        == set()
    )
