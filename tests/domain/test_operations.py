"""What each operation does to a reservation, and when it is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.operations import decide, derive_reservation_id
from rtdash.domain.refusals import (
    BadValue,
    InvalidTransition,
    NotAmendable,
    ReservationExists,
    ReservationNotFound,
    WrongKind,
)
from rtdash.domain.reservations import Op, Reservation, Status
from rtdash.domain.venues import Venue

Make = Callable[..., Any]

ROADS: dict[Status, list[Any]] = {
    Status.PENDING: [(Op.BOOK, {"status": Status.PENDING})],
    Status.CONFIRMED: [Op.BOOK],
    Status.CHECKED_IN: [Op.BOOK, Op.CHECK_IN],
    Status.CHECKED_OUT: [Op.BOOK, Op.CHECK_IN, Op.CHECK_OUT],
    Status.SEATED: [Op.BOOK, Op.SEAT],
    Status.COMPLETED: [Op.BOOK, Op.SEAT, Op.COMPLETE],
    Status.CANCELLED: [Op.BOOK, Op.CANCEL],
    Status.NO_SHOW: [Op.BOOK, Op.NO_SHOW],
}
"""How a reservation comes to each status."""

HOTEL_STATUSES = [status for status in Status if status not in {Status.SEATED, Status.COMPLETED}]
RESTAURANT_STATUSES = [
    status for status in Status if status not in {Status.CHECKED_IN, Status.CHECKED_OUT}
]
MOVES = {
    (Op.CONFIRM, Status.PENDING): Status.CONFIRMED,
    (Op.CHECK_IN, Status.CONFIRMED): Status.CHECKED_IN,
    (Op.UNDO_CHECK_IN, Status.CHECKED_IN): Status.CONFIRMED,
    (Op.CHECK_OUT, Status.CHECKED_IN): Status.CHECKED_OUT,
    (Op.SEAT, Status.CONFIRMED): Status.SEATED,
    (Op.UNDO_SEAT, Status.SEATED): Status.CONFIRMED,
    (Op.COMPLETE, Status.SEATED): Status.COMPLETED,
    (Op.CANCEL, Status.PENDING): Status.CANCELLED,
    (Op.CANCEL, Status.CONFIRMED): Status.CANCELLED,
    (Op.REINSTATE, Status.CANCELLED): Status.CONFIRMED,
    (Op.NO_SHOW, Status.CONFIRMED): Status.NO_SHOW,
    (Op.UNDO_NO_SHOW, Status.NO_SHOW): Status.CONFIRMED,
}
"""The table of CONTRACT section 4, line by line."""

STATUS_OPS = [Op.CONFIRM, Op.CANCEL, Op.REINSTATE, Op.NO_SHOW, Op.UNDO_NO_SHOW]
HOTEL_OPS = [Op.CHECK_IN, Op.UNDO_CHECK_IN, Op.CHECK_OUT]
RESTAURANT_OPS = [Op.SEAT, Op.UNDO_SEAT, Op.COMPLETE]
AMENDABLE = {Status.PENDING, Status.CONFIRMED, Status.CHECKED_IN, Status.SEATED}


def check_move(
    op: Op, status: Status, venue: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A line of the table leads where it says; what is not in the table is refused and takes no
    room.
    """
    rooms = Rooms()
    current = apply(venue, *ROADS[status], rooms=rooms)
    assert current.status is status
    before = rooms.changes()
    if target := MOVES.get((op, status)):
        after = decide(operation(op, venue), current, venue=venue, now=now, rooms=rooms).reservation
        moved = replace(current, status=target, version=current.version + 1, changed_at=now)
        if op is Op.CHECK_OUT:  # before the stay has begun: one night of it is kept
            moved = replace(moved, check_out=date(2026, 7, 13))
        assert after == moved
        return
    with pytest.raises(InvalidTransition) as refused:
        decide(operation(op, venue), current, venue=venue, now=now, rooms=rooms)
    assert refused.value.code == "invalid_transition"
    assert rooms.changes() == before


@pytest.mark.parametrize("status", HOTEL_STATUSES)
@pytest.mark.parametrize("op", STATUS_OPS + HOTEL_OPS)
def test_a_hotel_follows_its_table(
    op: Op, status: Status, hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Every operation on every status of a hotel is allowed or refused as the table says."""
    check_move(op, status, hotel, apply, operation, now)


@pytest.mark.parametrize("status", RESTAURANT_STATUSES)
@pytest.mark.parametrize("op", STATUS_OPS + RESTAURANT_OPS)
def test_a_restaurant_follows_its_table(
    op: Op, status: Status, restaurant: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Every operation on every status of a restaurant is allowed or refused as the table says."""
    check_move(op, status, restaurant, apply, operation, now)


@pytest.mark.parametrize("op", HOTEL_OPS)
def test_a_table_is_not_checked_in(
    op: Op, restaurant: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A hotel's operations are wrong in a restaurant, whatever the status."""
    with pytest.raises(WrongKind):
        decide(
            operation(op, restaurant),
            apply(restaurant, Op.BOOK),
            venue=restaurant,
            now=now,
            rooms=Rooms(),
        )


@pytest.mark.parametrize("op", RESTAURANT_OPS)
def test_a_room_is_not_seated(
    op: Op, hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """A restaurant's operations are wrong in a hotel, whatever the status."""
    with pytest.raises(WrongKind):
        decide(operation(op, hotel), apply(hotel, Op.BOOK), venue=hotel, now=now, rooms=Rooms())


@pytest.mark.parametrize("status", HOTEL_STATUSES)
def test_a_stay_is_amended_while_it_lasts(
    status: Status, hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Amending is refused after CheckedOut, Cancelled and NoShow, and possible before."""
    check_amend(status, hotel, apply, operation, now)


@pytest.mark.parametrize("status", RESTAURANT_STATUSES)
def test_a_table_is_amended_while_it_lasts(
    status: Status, restaurant: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """Amending is refused after Completed, Cancelled and NoShow, and possible before."""
    check_amend(status, restaurant, apply, operation, now)


def check_amend(status: Status, venue: Venue, apply: Make, operation: Make, now: datetime) -> None:
    """An amendment is applied or refused by the status."""
    current, amendment = apply(venue, *ROADS[status]), operation(Op.AMEND, venue, guests=1)
    if status in AMENDABLE:
        assert (
            decide(amendment, current, venue=venue, now=now, rooms=Rooms()).reservation.guests == 1
        )
        return
    with pytest.raises(NotAmendable) as refused:
        decide(amendment, current, venue=venue, now=now, rooms=Rooms())
    assert refused.value.code == "not_amendable"


@pytest.mark.parametrize("op", [Op.PAY, Op.CHARGE, Op.REFUND])
@pytest.mark.parametrize("status", HOTEL_STATUSES)
def test_money_moves_whatever_the_status(
    op: Op, status: Status, hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """After Cancelled and NoShow it is fees, and money that is given back."""
    current = apply(hotel, *ROADS[status], (Op.PAY, {"amount_minor": 100}))
    change = operation(op, hotel, amount_minor=100, category="Bar")
    after = decide(change, current, venue=hotel, now=now, rooms=Rooms()).reservation
    assert (after.version, after.status) == (current.version + 1, status)


@pytest.mark.parametrize("op", [op for op in Op if op not in {Op.BOOK, Op.PUT}])
def test_nothing_happens_to_what_is_not_there(
    op: Op, hotel: Venue, operation: Make, now: datetime
) -> None:
    """Every operation but a booking and a mirrored state needs a reservation that exists."""
    with pytest.raises(ReservationNotFound) as refused:
        decide(
            operation(op, hotel, reservation_id="gone"), None, venue=hotel, now=now, rooms=Rooms()
        )
    assert refused.value.reservation_id == "gone"


def test_an_id_is_booked_once(hotel: Venue, apply: Make, operation: Make, now: datetime) -> None:
    """A booking under an id that is taken is refused."""
    with pytest.raises(ReservationExists):
        decide(
            operation(Op.BOOK, hotel, reservation_id="a"),
            apply(hotel, Op.BOOK),
            venue=hotel,
            now=now,
            rooms=Rooms(),
        )


@pytest.mark.parametrize("name", ["a", "H1-000042", "res_7.x~y", "A" * 64])
def test_clients_name_their_reservations(name: str, hotel: Venue, apply: Make) -> None:
    """An id that can stand in an address as it is, is kept."""
    assert apply(hotel, (Op.BOOK, {"reservation_id": name})).id == name


@pytest.mark.parametrize("name", ["-a", "a b", "a/b", "ä", "a\n", "A" * 65, "../a", "a?b"])
def test_odd_names_are_refused(name: str, hotel: Venue, apply: Make) -> None:
    """An id that would need escaping, or is too long, is refused."""
    with pytest.raises(BadValue, match="reservationId must be"):
        apply(hotel, (Op.BOOK, {"reservation_id": name}))


def test_an_unnamed_reservation_is_named_by_its_operation(hotel: Venue, apply: Make) -> None:
    """The id is derived from venue and operation: the same for a repeat, another for another."""
    booked: Reservation = apply(hotel, (Op.BOOK, {"operation_id": "op"}))
    assert booked.id == derive_reservation_id("inn", "op")
    others = {
        derive_reservation_id("inn", "op2"),
        derive_reservation_id("in", "nop"),
        derive_reservation_id("inn2", "op"),
    }
    assert len(others | {booked.id}) == 4
