"""Venues as rows."""

import re
from dataclasses import replace

import pytest

from rtdash.domain.venues import VenueKind
from rtdash.store import event_log
from rtdash.store.venues import (
    VenuesRedefined,
    archive_venue,
    lock_venues,
    read_venues,
    save_venues,
)
from tests.stores import GRILL, HOTEL, NOW, SMALL_HOTEL, room, table

pytestmark = pytest.mark.anyio


async def test_venues_come_back_as_they_were_in_their_order(database):
    """Every field of them."""
    assert await database.read(read_venues) == (HOTEL, GRILL, SMALL_HOTEL)


async def test_a_known_venue_keeps_its_place_and_its_log(database):
    """Importing it again changes what it is, not where it stands; new ones go to the end."""
    changed, added = replace(GRILL, name="The Grill"), replace(HOTEL, id="annex")
    await database.write(lambda conn: save_venues(conn, [added, changed]))
    assert await database.read(read_venues) == (HOTEL, changed, SMALL_HOTEL, added)
    assert len(await database.read(event_log.read_heads)) == 8


async def test_no_venues_are_nothing(database):
    """An empty import changes nothing."""
    await database.write(lambda conn: save_venues(conn, []))
    assert len(await database.read(read_venues)) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"currency": "JPY"}, "currency EUR can't become JPY (reservations: 2)"),
        ({"timezone": "America/New_York"}, "timezone Europe/Lisbon can't become America/New_York"),
        ({"kind": VenueKind.RESTAURANT}, "kind hotel can't become restaurant"),
        ({"room_types": HOTEL.room_types[1:]}, "can't be left out (reservations: 2)"),
    ],
)
async def test_money_and_time_of_reservations_are_never_reinterpreted(
    database, bookings, change, words
):
    """The file is refused whole, with counts; without reservations it is a mistake mended."""
    await bookings.apply([room(), room()])
    wrong, added = replace(HOTEL, **change), replace(GRILL, id="bar")
    with pytest.raises(VenuesRedefined, match=re.escape(words)) as refused:
        await database.write(lambda conn: save_venues(conn, [added, wrong]))
    assert "rtdash venues archive" in refused.value.hint
    assert await database.read(read_venues) == (HOTEL, GRILL, SMALL_HOTEL)
    other = replace(SMALL_HOTEL, **({**change, "id": SMALL_HOTEL.id}))
    await database.write(lambda conn: save_venues(conn, [other]))


async def test_what_means_the_same_can_change(database, bookings):
    """Names, prices, more rooms, other check-in times: no reservation is read differently."""
    await bookings.apply([room()])
    changed = replace(HOTEL, name="Other", closeout_hour=4, room_types=HOTEL.room_types[:1])
    await database.write(lambda conn: save_venues(conn, [changed]))
    assert (await database.read(read_venues))[0] == changed


async def test_an_archiving_that_is_undone_changes_nothing(database, bookings):
    """Whatever was read of it within its transaction."""

    def undone(conn):
        assert lock_venues(conn, {HOTEL.id}) == set()
        archive_venue(conn, HOTEL.id, now=NOW)
        assert lock_venues(conn, {HOTEL.id, GRILL.id}) == {HOTEL.id}
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await database.write(undone)
        (outcome,) = await bookings.apply([room()])
        assert outcome.result == "applied"


async def test_an_archived_venue_keeps_its_history_and_takes_nothing(database, bookings):
    """Until its file is imported again. A repeat of what was applied before is answered."""
    first = room()
    await bookings.apply([first])
    assert await database.write(lambda conn: archive_venue(conn, HOTEL.id, now=NOW))
    assert not await database.write(lambda conn: archive_venue(conn, "nowhere", now=NOW))
    again, late, elsewhere = await bookings.apply([first, room(), table()])
    assert (again.result, elsewhere.result) == ("repeated", "applied")
    assert late.refusal.code == "venue_archived"
    assert "out of service" in str(late.refusal)
    await database.write(lambda conn: save_venues(conn, [HOTEL]))
    (back,) = await bookings.apply([room()])
    assert back.result == "applied"
