"""Lists that are applied whole or not at all; rooms are counted when all is decided."""

import asyncio
from datetime import timedelta

import pytest

from rtdash.bookings import OutcomeKind
from rtdash.domain.refusals import InvalidTransition, NotAlone, OperationIdReused
from rtdash.domain.reservations import Op
from rtdash.domain.stay_refusals import NoAvailability
from rtdash.store import event_log, pages
from tests.bookings.test_deciding import TABLES, kinds, log, one, sold
from tests.stores import GRILL, HOTEL, SMALL_HOTEL, room, table, then

pytestmark = pytest.mark.anyio

SINGLE, DOUBLE = HOTEL.room_types[0].id, HOTEL.room_types[1].id
APPLIED, REFUSED, REPEATED = OutcomeKind.APPLIED, OutcomeKind.REFUSED, OutcomeKind.REPEATED


async def fill(bookings, room_type):
    """Book every room of the type for the two nights from tomorrow; the reservations' ids."""
    total = HOTEL.room_type(room_type).total_rooms
    ids = [f"{room_type}-{number}" for number in range(total)]
    outcomes = await bookings.apply([room(reservation_id=one, room_type=room_type) for one in ids])
    assert set(kinds(outcomes)) == {APPLIED}
    return ids


async def test_guests_swap_rooms_in_a_full_house(bookings, database):
    """Each of the two is refused alone, since the other's room is still taken; together they are
    applied.
    """
    singles, doubles = await fill(bookings, SINGLE), await fill(bookings, DOUBLE)

    def moves():
        return [
            then(Op.AMEND, singles[0], venue_id=HOTEL.id, room_type=DOUBLE),
            then(Op.AMEND, doubles[0], venue_id=HOTEL.id, room_type=SINGLE),
        ]

    before = await sold(database)
    assert kinds(await bookings.apply(moves())) == [REFUSED, REFUSED]
    assert kinds(await bookings.apply(moves(), is_atomic=True)) == [APPLIED, APPLIED]
    assert (await one(database, HOTEL.id, singles[0])).room_type == DOUBLE
    assert await sold(database) == before


async def test_one_room_too_many_refuses_the_group(bookings, database):
    """The bookings that took the night that is missing are refused for it, the rest because the
    list is refused whole.
    """
    attic = SMALL_HOTEL.room_types[0].id
    group = [
        table(),
        room(venue_id=SMALL_HOTEL.id, room_type=attic, reservation_id="first"),
        room(venue_id=SMALL_HOTEL.id, room_type=attic),
    ]
    outcomes = await bookings.apply(group, is_atomic=True)
    assert kinds(outcomes) == [REFUSED] * 3
    assert [type(outcome.refusal) for outcome in outcomes] == [
        NotAlone,
        NoAvailability,
        NoAvailability,
    ]
    assert outcomes[0].refusal.refused_id == group[1].operation_id
    assert [(one.operation_id, one.reservation_id) for one in outcomes] == [
        (one.operation_id, one.reservation_id) for one in group
    ]
    refusal = outcomes[1].refusal
    assert (refusal.room_type, refusal.night, refusal.total_rooms) == (attic, group[1].check_in, 1)
    assert await log(database, TABLES) == []
    assert await sold(database, SMALL_HOTEL) == {}


async def test_a_night_that_a_stay_held_before_is_not_its_own_to_answer_for(bookings):
    """A stay that is prolonged keeps its nights; the booking that takes one of them is one too
    many.
    """
    attic = {"venue_id": SMALL_HOTEL.id, "room_type": SMALL_HOTEL.room_types[0].id}
    stay = room(reservation_id="long", **attic)
    await bookings.apply([stay])
    longer = then(
        Op.AMEND, "long", venue_id=SMALL_HOTEL.id, check_out=stay.check_out + timedelta(days=1)
    )
    outcomes = await bookings.apply([longer, room(**attic)], is_atomic=True)
    assert [type(outcome.refusal) for outcome in outcomes] == [NotAlone, NoAvailability]


async def test_one_refusal_refuses_all_and_leaves_nothing(bookings, database, committed):
    """No row, no event, no key: the list can be mended and sent again with the same ids."""
    good, bad = table(reservation_id="a"), then(Op.SEAT, "b")
    await bookings.apply([table(reservation_id="b"), then(Op.CANCEL, "b")])
    heard = len(committed)
    outcomes = await bookings.apply([good, bad], is_atomic=True)
    assert [type(outcome.refusal) for outcome in outcomes] == [NotAlone, InvalidTransition]
    assert outcomes[0].refusal.refused_id == bad.operation_id
    assert (await one(database, GRILL.id, "a"), len(committed)) == (None, heard)
    mended = [good, then(Op.REINSTATE, "b"), bad]
    assert kinds(await bookings.apply(mended, is_atomic=True)) == [APPLIED] * 3


async def test_a_repeat_of_the_list_is_repeated(bookings):
    """As one by one; a key for another content refuses the whole list."""
    group = [table(), table()]
    first = await bookings.apply(group, is_atomic=True)
    again = await bookings.apply(group, is_atomic=True)
    assert kinds(again) == [REPEATED, REPEATED]
    assert [outcome.seq for outcome in again] == [outcome.seq for outcome in first]
    other = table(operation_id=group[0].operation_id, guests=9)
    outcomes = await bookings.apply([table(), other], is_atomic=True)
    assert [type(outcome.refusal) for outcome in outcomes] == [NotAlone, OperationIdReused]


async def test_a_long_list_is_one_transaction(bookings, committed, database):
    """A thousand tables and their events, beside others that wait their turn."""
    group = [table() for _ in range(1_000)]
    whole, *others = await asyncio.gather(
        bookings.apply(group, is_atomic=True), *(bookings.apply([table()]) for _ in range(5))
    )
    assert set(kinds(whole)) == {APPLIED}
    assert max(len(events) for events, _ in committed) == 1_000
    assert [kinds(one) for one in others] == [[APPLIED]] * 5
    count = await database.read(lambda conn: pages.count(conn, GRILL.id, pages.Selection()))
    heads = await database.read(lambda conn: event_log.read_heads(conn, [TABLES]))
    assert (count, heads[TABLES]) == (1_005, 1_005)


async def test_an_overbooked_night_that_gets_no_worse_is_no_reason(bookings, database):
    """A mirror has sold one room too many; a stay on that night can still be moved within it."""
    ids = await fill(bookings, SINGLE)
    extra = room(reservation_id="extra", room_type=SINGLE)
    put = then(
        Op.PUT,
        "extra",
        venue_id=HOTEL.id,
        source_version=1,
        customer_name="Over",
        guests=1,
        source="pms",
        room_type=SINGLE,
        check_in=extra.check_in,
        check_out=extra.check_out,
    )
    await bookings.apply([put])
    swap = [
        then(Op.CANCEL, ids[0], venue_id=HOTEL.id),
        room(reservation_id="instead", room_type=SINGLE),
    ]
    assert kinds(await bookings.apply(swap, is_atomic=True)) == [APPLIED, APPLIED]
    more = [room(room_type=SINGLE)]
    assert kinds(await bookings.apply(more, is_atomic=True)) == [REFUSED]
