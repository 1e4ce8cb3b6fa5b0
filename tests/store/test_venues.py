"""Venues as rows."""

from dataclasses import replace

import pytest

from rtdash.store import event_log
from rtdash.store.venues import read_venues, save_venues
from tests.stores import GRILL, HOTEL, SMALL_HOTEL

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
