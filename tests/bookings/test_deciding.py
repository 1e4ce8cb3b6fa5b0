"""Batches: what is applied, repeated and refused, and which events it makes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from rtdash.bookings import Bookings, OutcomeKind
from rtdash.domain.reservations import Op, Status
from rtdash.protocol.channels import Channel, Stream
from rtdash.store import event_log, reservations
from tests.stores import GRILL, HOTEL, NOW, SMALL_HOTEL, TODAY, VENUES, room, table, then

pytestmark = pytest.mark.anyio

TABLES = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)
ROOM_NOTES = Stream(HOTEL.id, Channel.HOTEL_NOTIFICATIONS)


async def log(database, stream):
    """The messages of a stream."""
    stored = await database.read(lambda conn: event_log.read_events(conn, stream, 0, 1_000))
    return [json.loads(event.body) for event in stored]


async def one(database, venue_id, reservation_id):
    return await database.read(lambda conn: reservations.read_one(conn, venue_id, reservation_id))


async def sold(database, venue=HOTEL):
    found = await database.read(
        lambda conn: reservations.read_sold(conn, venue.id, TODAY, TODAY + timedelta(days=30))
    )
    return {
        (room_type, (night - TODAY).days): number for (room_type, night), number in found.items()
    }


def kinds(outcomes):
    return [outcome.result for outcome in outcomes]


async def test_a_booking_is_stored_with_its_event(bookings, database, committed):
    """Row, version and event are there when the outcome is; the message is the reservation as
    answered.
    """
    operation = table(customer_email="Anna@Example.com", amount_minor=5_000)
    (outcome,) = await bookings.apply([operation])
    assert (outcome.operation_id, outcome.result, outcome.seq) == (
        operation.operation_id,
        OutcomeKind.APPLIED,
        1,
    )
    stored = await one(database, GRILL.id, outcome.reservation_id)
    assert (stored.customer_email, stored.amount_minor, stored.start, stored.version) == (
        "Anna@Example.com",
        5_000,
        operation.start,
        1,
    )
    (message,) = await log(database, TABLES)
    assert message["type"] == "new_reservation"
    assert message["reservation"] == outcome.body
    assert (message["seq"], message["operationId"]) == (1, operation.operation_id)
    ((events, venue_ids),) = committed
    assert [json.loads(event.body) for event in events] == [message]
    assert venue_ids == {GRILL.id}


async def test_every_field_comes_back(bookings, database):
    """What is stored is read as it was, for both kinds of venue."""
    stay = room(customer_phone="+351 1", amount_minor=30_000, paid_minor=100, status=Status.PENDING)
    dinner = table(duration_minutes=105, customer_email="x@example.com")
    booked, seated = await bookings.apply([stay, dinner])
    hotel_row, grill_row = (
        await one(database, HOTEL.id, booked.reservation_id),
        await one(database, GRILL.id, seated.reservation_id),
    )
    assert (hotel_row.room_type, hotel_row.check_in, hotel_row.check_out) == (
        stay.room_type,
        stay.check_in,
        stay.check_out,
    )
    assert (hotel_row.customer_phone, hotel_row.paid_minor, hotel_row.status) == (
        "+351 1",
        100,
        Status.PENDING,
    )
    assert (hotel_row.created_at, hotel_row.changed_at) == (NOW, NOW)
    assert (grill_row.duration_minutes, grill_row.customer_email, grill_row.room_type) == (
        105,
        "x@example.com",
        None,
    )


async def test_one_reservation_event_an_operation_in_the_order_in_which_they_came(
    bookings, database
):
    """Several operations on one reservation in one batch work, each on what the one before left."""
    operations = [
        table(reservation_id="r1"),
        *(then(op, "r1") for op in (Op.SEAT, Op.UNDO_SEAT, Op.SEAT, Op.COMPLETE)),
    ]
    outcomes = await bookings.apply(operations)
    assert kinds(outcomes) == [OutcomeKind.APPLIED] * 5
    assert [outcome.seq for outcome in outcomes] == [1, 2, 3, 4, 5]
    assert [outcome.body["version"] for outcome in outcomes] == [1, 2, 3, 4, 5]
    messages = await log(database, TABLES)
    assert [message.get("change") for message in messages] == [
        None,
        "seat",
        "undo_seat",
        "seat",
        "complete",
    ]
    assert [message["reservation"] for message in messages] == [
        outcome.body for outcome in outcomes
    ]
    assert (await one(database, GRILL.id, "r1")).status is Status.COMPLETED


async def test_a_repeat_is_answered_as_the_first_time(bookings, database):
    """In the same batch or later, after any change since: the answer has the same id, seq and body,
    and nothing is written.
    """
    operation = table(reservation_id="r1")
    first, again = await bookings.apply([operation, operation])
    await bookings.apply([then(Op.SEAT, "r1")])
    (later,) = await bookings.apply([operation])
    assert kinds([first, again, later]) == [
        OutcomeKind.APPLIED,
        OutcomeKind.REPEATED,
        OutcomeKind.REPEATED,
    ]
    assert (
        (again.reservation_id, again.seq, again.body)
        == (later.reservation_id, later.seq, later.body)
        == ("r1", 1, first.body)
    )
    assert len(await log(database, TABLES)) == 2


async def test_an_operation_id_with_other_content_is_refused(bookings):
    """In the same batch or later; an id is only known in its venue."""
    operation = table(operation_id="mine")
    changed = replace(operation, guests=3)
    outcomes = await bookings.apply([operation, changed])
    outcomes += await bookings.apply([changed, room(operation_id="mine")])
    assert kinds(outcomes) == [
        OutcomeKind.APPLIED,
        OutcomeKind.REFUSED,
        OutcomeKind.REFUSED,
        OutcomeKind.APPLIED,
    ]
    assert {outcome.refusal.code for outcome in outcomes[1:3]} == {"operation_id_reused"}


async def test_refusals_are_not_remembered(bookings):
    """A refused operation can be sent again, and may be applied then."""
    seat = then(Op.SEAT, "r1")
    (refused,) = await bookings.apply([seat])
    assert (refused.result, refused.refusal.code, refused.body) == (
        OutcomeKind.REFUSED,
        "reservation_not_found",
        None,
    )
    outcomes = await bookings.apply([table(reservation_id="r1"), seat])
    assert kinds(outcomes) == [OutcomeKind.APPLIED, OutcomeKind.APPLIED]


async def test_a_refusal_leaves_its_batch_alone(bookings, database, committed):
    """A refused operation makes no event and takes no room; after a batch of refusals alone, no
    listener is called.
    """
    outcomes = await bookings.apply(
        [room(room_type="no such"), room(reservation_id="r1"), room(reservation_id="r1")]
    )
    assert kinds(outcomes) == [OutcomeKind.REFUSED, OutcomeKind.APPLIED, OutcomeKind.REFUSED]
    assert set((await sold(database)).values()) == {1}
    await bookings.apply([then(Op.SEAT, "nobody")])
    assert len(committed) == 1


async def test_rooms_are_counted_by_night(bookings, database):
    """Booked, amended, cancelled and reinstated: the counts follow, over several batches and within
    one.
    """
    first = room(reservation_id="r1")
    await bookings.apply(
        [
            first,
            room(
                reservation_id="r2",
                check_in=TODAY + timedelta(days=2),
                check_out=TODAY + timedelta(days=4),
            ),
        ]
    )
    kind = first.room_type
    assert await sold(database) == {(kind, 1): 1, (kind, 2): 2, (kind, 3): 1}
    await bookings.apply(
        [
            then(Op.AMEND, "r1", venue_id=HOTEL.id, check_out=TODAY + timedelta(days=2)),
            then(Op.CANCEL, "r2", venue_id=HOTEL.id),
        ]
    )
    assert await sold(database) == {(kind, 1): 1}
    await bookings.apply(
        [then(Op.REINSTATE, "r2", venue_id=HOTEL.id), then(Op.NO_SHOW, "r1", venue_id=HOTEL.id)]
    )
    assert await sold(database) == {(kind, 2): 1, (kind, 3): 1}


async def test_the_last_room_is_sold_once(bookings, database, clock):
    """Within a batch, between batches, and between two processes where the engine takes them."""
    stay = {"venue_id": SMALL_HOTEL.id, "room_type": "attic"}
    outcomes = await bookings.apply([room(**stay), room(**stay)])
    outcomes += await bookings.apply([room(**stay)])
    other = Bookings(database, clock, lambda *_: None, venues=VENUES)
    outcomes += await other.apply([room(**stay)])
    assert kinds(outcomes) == [OutcomeKind.APPLIED, *[OutcomeKind.REFUSED] * 3]
    assert {outcome.refusal.code for outcome in outcomes[1:]} == {"no_availability"}
