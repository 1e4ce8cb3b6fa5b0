"""Rooms sold: a day's figures, and the nights that operations may ask for."""

from collections import Counter
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
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import Op, Operation, Reservation, Status
from rtdash.domain.venues import Venue
from tests.domain.test_availability import DAY, Make, days

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


class Watched(dict[tuple[str, date], int]):
    """Counts that remember which nights were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[str, date]] = set()

    def get(self, key: Any, default: Any = None) -> Any:
        """The count, noted."""
        self.asked.add(key)
        return super().get(key, default)


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


@given(STEPS)
def test_what_a_sequence_may_ask_for_is_known_before(
    hotel: Venue, now: datetime, steps: list[tuple[str, Op, str | None, int, int]]
) -> None:
    """All nights that deciding a sequence looks at or changes are among those that were named
    beforehand, whatever is refused on the way.
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
