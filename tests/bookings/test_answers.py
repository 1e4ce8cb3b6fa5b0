"""What an outcome says of its operation, and an event of its stream."""

from dataclasses import replace

import pytest

from rtdash.bookings import OutcomeKind
from rtdash.domain.reservations import Op
from rtdash.protocol.channels import Channel, Stream
from rtdash.store.reservations import read_totals
from rtdash.store.venues import archive_venue
from tests.bookings.test_deciding import ROOM_NOTES, TABLES, kinds, log
from tests.bookings.test_put import state
from tests.stores import GRILL, HOTEL, NOW, TODAY, room, table, then

pytestmark = pytest.mark.anyio

ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)
TABLE_NOTES = Stream(GRILL.id, Channel.RESTAURANT_NOTIFICATIONS)


async def test_every_outcome_names_its_operation_and_reservation(bookings):
    """Applied, repeated in its batch or later, refused, or a state that is known."""
    booked, put = table(reservation_id="r1"), state("r2", 2)
    older, lost = state("r2", 1), then(Op.SEAT, "nobody")
    operations = [booked, booked, put, older, lost]
    for _ in range(2):
        outcomes = await bookings.apply(operations)
        assert [(outcome.operation_id, outcome.reservation_id) for outcome in outcomes] == [
            (operation.operation_id, operation.reservation_id) for operation in operations
        ]
    assert kinds(outcomes) == [*[OutcomeKind.REPEATED] * 4, OutcomeKind.REFUSED]


async def test_an_id_that_is_used_again_is_named(bookings):
    """By the outcome and by its refusal; no reservation is, since the id stands for another one."""
    booked = table(operation_id="mine", reservation_id="r1")
    _, outcome = await bookings.apply([booked, replace(booked, guests=3)])
    assert (outcome.operation_id, outcome.refusal.operation_id) == ("mine", "mine")
    assert outcome.reservation_id is None


async def test_an_archived_venue_is_named(bookings, database):
    """By the refusal of what is to be booked there."""
    await database.write(lambda conn: archive_venue(conn, HOTEL.id, now=NOW))
    (outcome,) = await bookings.apply([room()])
    assert outcome.refusal.venue_id == HOTEL.id


async def test_a_version_ends_where_the_next_one_of_its_batch_begins(bookings, database):
    """The figures have a reservation once, however often its batch has changed it."""
    changes = [then(Op.AMEND, "r1", guests=guests) for guests in (5, 6)]
    await bookings.apply([table(reservation_id="r1"), *changes])
    totals = await database.read(lambda conn: read_totals(conn, GRILL.id, TODAY))
    assert (totals.reservations, totals.guests) == (1, 6)


async def test_an_event_names_its_stream(bookings, database):
    """Channel and venue of its stream, whatever it is about."""
    await bookings.apply(
        [
            table(reservation_id="r1", guests=20),
            then(Op.SEAT, "r1"),
            room(reservation_id="r1", check_in=TODAY),
            then(Op.CANCEL, "r1", venue_id=HOTEL.id),
        ]
    )
    for stream, count in ((TABLES, 2), (TABLE_NOTES, 1), (ROOMS, 2), (ROOM_NOTES, 1)):
        messages = await log(database, stream)
        assert [(one["venue"], one["channel"]) for one in messages] == [
            (stream.venue, stream.channel.value)
        ] * count
