"""Rooms by night and type: what is sold, what is left, and that the counts always hold."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.availability import (
    Rooms,
    day_availability,
    nights_held,
    nights_touched_in_turn,
    occupancy_rate,
)
from rtdash.domain.operations import decide
from rtdash.domain.refusals import NoAvailability, Refusal
from rtdash.domain.reservations import Op, Operation, Reservation, Status
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
    """What both stays have in common is kept, though the hotel is full there."""
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


def test_a_day_tells_its_rooms(hotel: Venue) -> None:
    """Totals and types of one night, with what is overbooked counted as full."""
    day = day_availability(hotel, DAY, {"double": 3})
    assert (day.date, day.total_rooms, day.available_rooms, day.occupancy_rate) == (DAY, 3, 1, 67)
    assert [
        (part.room_type, part.total_rooms, part.available_rooms) for part in day.by_room_type
    ] == [("double", 2, 0), ("suite", 1, 1)]


@pytest.mark.parametrize(
    ("total", "available", "rate"),
    [(50, 35, 30), (50, 50, 0), (50, 0, 100), (0, 0, 0), (8, 7, 13), (200, 199, 1)],
)
def test_occupancy_is_a_whole_percent(total: int, available: int, rate: int) -> None:
    """Halves are rounded up; a hotel without rooms is empty."""
    assert occupancy_rate(total, available) == rate


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(
            [
                Op.BOOK,
                Op.BOOK,
                Op.AMEND,
                Op.AMEND,
                Op.CANCEL,
                Op.REINSTATE,
                Op.NO_SHOW,
                Op.UNDO_NO_SHOW,
                Op.CHECK_IN,
                Op.PAY,
            ]
        ),
        st.sampled_from([None, "double", "suite"]),
        st.integers(0, 5),
        st.integers(0, 4),
    ),
    max_size=40,
)


def as_operation(number: int, step: tuple[str, Op, str | None, int, int]) -> Operation:
    """A step of a random sequence; some can't be, and are refused."""
    name, op, room_type, first, nights = step
    check_in, check_out = DAY + timedelta(days=first), DAY + timedelta(days=first + nights)
    if op is Op.BOOK:
        return Operation(
            f"{number}",
            op,
            "inn",
            name,
            None,
            "Ana",
            guests=1,
            source="web",
            room_type=room_type,
            check_in=check_in,
            check_out=check_out,
        )
    if op is Op.AMEND:
        return Operation(
            f"{number}",
            op,
            "inn",
            name,
            room_type=room_type,
            check_in=check_in if nights % 2 else None,
            check_out=check_out,
        )
    return Operation(f"{number}", op, "inn", name, amount_minor=1)


@given(STEPS)
def test_counts_are_the_reservations_that_hold_a_room(
    hotel: Venue, now: datetime, steps: list[tuple[str, Op, str | None, int, int]]
) -> None:
    """Whatever is applied or refused, the counts are those of the reservations, and no night is
    sold beyond its rooms.
    """
    rooms, kept = Rooms(), dict[str, Reservation]()
    for number, step in enumerate(steps):
        asked = as_operation(number, step)
        try:
            after = decide(asked, kept.get(step[0]), venue=hotel, now=now, rooms=rooms).reservation
        except Refusal:
            continue
        kept[step[0]] = after
    held = Counter(night for reservation in kept.values() for night in nights_held(reservation))
    assert rooms.changes() == held
    totals = {room_type.id: room_type.total_rooms for room_type in hotel.room_types}
    assert all(count <= totals[room_type] for (room_type, _), count in held.items())


class Watched(dict[tuple[str, date], int]):
    """Counts that remember which nights were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[str, date]] = set()

    def get(self, key: Any, default: Any = None) -> Any:
        """The count, noted."""
        self.asked.add(key)
        return super().get(key, default)


@given(STEPS)
def test_what_a_sequence_may_ask_for_is_known_before(
    hotel: Venue, now: datetime, steps: list[tuple[str, Op, str | None, int, int]]
) -> None:
    """All nights that deciding a sequence looks at or changes are among those told beforehand,
    whatever is refused on the way.
    """
    operations = [as_operation(number, ("a", *step[1:])) for number, step in enumerate(steps)]
    touched = nights_touched_in_turn(operations, None, hotel)
    watched = Watched()
    rooms = Rooms(watched)
    current: Reservation | None = None
    for asked in operations:
        try:
            current = decide(asked, current, venue=hotel, now=now, rooms=rooms).reservation
        except Refusal:
            continue
        assert set(rooms.changes()) <= touched
    assert watched.asked <= touched


def test_status_decides_who_holds_a_room(hotel: Venue, apply: Make) -> None:
    """A Pending stay holds its room already."""
    assert nights_held(apply(hotel, (Op.BOOK, {"status": Status.PENDING}))) == days(12, 13)


def test_nights_are_counted_over_the_month(hotel: Venue, apply: Make) -> None:
    """A stay over the end of a month takes the nights of both."""
    stay = apply(hotel, (Op.BOOK, {"check_in": date(2028, 2, 28), "check_out": date(2028, 3, 2)}))
    assert nights_held(stay) == {
        ("double", date(2028, 2, 28)),
        ("double", date(2028, 2, 29)),
        ("double", date(2028, 3, 1)),
    }
    assert stay.start == datetime(2028, 2, 28, 15, tzinfo=UTC)
