"""Lists of upcoming reservations that are at hand: shown for a moment, and kept for no longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rtdash.dashboard import Dashboard
from rtdash.domain.venue_file import parse_venues
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.resources import data_path
from rtdash.server.rest.upcoming_lists import KEPT, ListKey, UpcomingLists
from rtdash.store.database import Database
from rtdash.store.venues import save_venues
from tests.fakes import Turns
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _lists(tmp_path: Path) -> AsyncIterator[tuple[UpcomingLists, Venue, ManualClock]]:
    """Of a real store, in which nothing is booked."""
    clock, turns = ManualClock(datetime(2026, 3, 4, 12, tzinfo=UTC)), Turns()
    venues = parse_venues(
        data_path("fixtures", "venues", "default.toml").read_text(encoding="utf-8"),
        source="default.toml",
    )
    database = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock
    )
    try:
        await database.write(lambda connection: save_venues(connection, venues))
        dashboard = Dashboard(
            database,
            Hub(turns.call_soon, turns.call_later, turns.clock),
            {venue.id: venue for venue in venues},
            clock,
        )
        yield UpcomingLists(database, dashboard, clock), venues[0], clock
    finally:
        await database.close()


async def test_what_is_too_old_to_be_shown_is_not_kept(tmp_path: Path) -> None:
    """However many different lists were asked for: with the next one those are dropped that no
    caller may see any more.
    """
    async with _lists(tmp_path) as (lists, venue, clock):
        for within_minutes in range(60, 80):
            await lists.first_page(venue, ListKey(venue.id, within_minutes, 500), 0)
        assert len(lists) == 20
        clock.now += KEPT - timedelta(milliseconds=1)
        await lists.first_page(venue, ListKey(venue.id, 80, 500), 0)
        assert len(lists) == 21
        clock.now += timedelta(milliseconds=1)
        await lists.first_page(venue, ListKey(venue.id, 81, 500), 0)
        assert len(lists) == 2


async def test_no_more_are_kept_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go first, also while they might still be shown."""
    monkeypatch.setattr("rtdash.server.rest.upcoming_lists.MAX_KEPT", 2)
    async with _lists(tmp_path) as (lists, venue, clock):
        keys = [ListKey(venue.id, within_minutes, 50) for within_minutes in (60, 61, 62)]
        for key in keys[:2]:
            await lists.first_page(venue, key, 0)
        clock.now += timedelta(milliseconds=1)
        await lists.first_page(venue, keys[2], 0)
        assert [lists.fresh(key, 0) is not None for key in keys] == [False, True, True]
