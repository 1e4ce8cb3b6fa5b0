"""Events of a batch: of the past, for staff, of what is near, over many venues."""

from datetime import timedelta

import pytest

from rtdash.bookings import OutcomeKind
from rtdash.domain.reservations import Op, Status
from rtdash.protocol.channels import Channel, Stream
from tests.bookings.test_deciding import TABLES, kinds, log, one
from tests.bookings.test_put import state
from tests.stores import GRILL, HOTEL, NOW, room, table, then

pytestmark = pytest.mark.anyio


TABLE_NOTES = Stream(GRILL.id, Channel.RESTAURANT_NOTIFICATIONS)


async def test_operations_of_the_past_make_their_one_event(bookings, database):
    """No notification and nothing upcoming, whatever they are about; `at` is in the message, the
    timestamp is now.
    """
    at = NOW - timedelta(days=3)
    await bookings.apply(
        [
            table(reservation_id="r1", at=at, guests=20, start=NOW + timedelta(minutes=30)),
            then(Op.CANCEL, "r1", at=at),
        ]
    )
    assert await log(database, TABLE_NOTES) == []
    message = (await log(database, TABLES))[0]
    assert (message["at"], message["timestamp"]) == (
        "2026-03-07T12:00:00.000Z",
        "2026-03-10T12:00:00.000Z",
    )


async def test_notifications_go_with_their_operation(bookings, database):
    """A large party and a cancellation on the day are announced in the same transaction, in order."""
    big, gone = table(guests=20, reservation_id="r1"), then(Op.CANCEL, "r1")
    outcomes = await bookings.apply([big, gone])
    assert kinds(outcomes) == [OutcomeKind.APPLIED] * 2
    messages = await log(database, TABLE_NOTES)
    assert [
        (message["type"], message["operationId"], message["level"]) for message in messages
    ] == [
        ("notification", big.operation_id, "info"),
        ("notification", gone.operation_id, "warning"),
    ]
    assert [
        (message["title"], message["body"], message["reservationId"]) for message in messages
    ] == [
        ("Large party", "Anna Miller, party of 20, 2026-03-10 2:00 PM", "r1"),
        ("Cancelled on the day", "Anna Miller, party of 20, 2:00 PM: cancelled for today", "r1"),
    ]


async def test_booked_inside_the_lead_is_upcoming_at_once(bookings, database):
    """Claimed and announced in the same transaction, once per start; a new start inside the lead is
    announced again.
    """
    soon, sooner, late = (NOW + timedelta(minutes=minutes) for minutes in (50, 40, 600))
    first = table(reservation_id="r1", start=soon)
    await bookings.apply([first, then(Op.AMEND, "r1", guests=3)])
    await bookings.apply([then(Op.CANCEL, "r1"), then(Op.REINSTATE, "r1")])
    await bookings.apply(
        [
            then(Op.AMEND, "r1", start=late),
            then(Op.AMEND, "r1", start=sooner),
            then(Op.AMEND, "r1", start=soon),
        ]
    )
    messages = [
        message
        for message in await log(database, TABLE_NOTES)
        if message["type"] == "upcoming_reservation"
    ]
    assert [message["reservation"]["date"] for message in messages] == [
        "2026-03-10T12:50:00.000Z",
        "2026-03-10T12:40:00.000Z",
    ]
    assert {message["reservation"]["status"] for message in messages} == {"Upcoming"}
    assert {message["venue"] for message in messages} == {GRILL.id}
    assert messages[0]["operationId"] == first.operation_id


async def test_a_state_without_guests_to_come_is_not_upcoming(bookings, database):
    """Mirrored inside the lead, and cancelled by then."""
    soon = NOW + timedelta(minutes=30)
    await bookings.apply([state("t", 1, start=soon, status=Status.CANCELLED)])
    assert await log(database, TABLE_NOTES) == []
    await bookings.apply([state("t", 2, start=soon)])
    assert [one["type"] for one in await log(database, TABLE_NOTES)] == ["upcoming_reservation"]


async def test_a_batch_over_many_venues_keeps_each_stream(bookings, database):
    """The same ids in different venues are different reservations and operations."""
    outcomes = await bookings.apply(
        [
            table(operation_id="a", reservation_id="r"),
            room(operation_id="a", reservation_id="r"),
            room(operation_id="b"),
        ]
    )
    assert kinds(outcomes) == [OutcomeKind.APPLIED] * 3
    assert [outcome.seq for outcome in outcomes] == [1, 1, 2]
    assert (await one(database, GRILL.id, "r")).kind == "restaurant"
    assert (await one(database, HOTEL.id, "r")).kind == "hotel"
