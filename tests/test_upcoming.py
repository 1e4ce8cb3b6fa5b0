"""Upcoming reservations: announced when their time comes, once, however many processes look."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rtdash.bookings import Bookings
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venue_file import parse_venues
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.messages import decode
from rtdash.resources import data_path
from rtdash.store.database import Database
from rtdash.store.event_log import StoredEvent
from rtdash.store.venues import save_venues
from rtdash.upcoming import Upcoming

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
NOTES = Stream("harbour-grill", Channel.RESTAURANT_NOTIFICATIONS)


@pytest.fixture
def anyio_backend() -> str:
    """Everything of ours runs on asyncio."""
    return "asyncio"


class Rig:
    """Upcoming and bookings on a real store, with an instant that the test moves."""

    def __init__(self, database: Database) -> None:
        text = data_path("fixtures", "venues", "default.toml").read_text(encoding="utf-8")
        venues = {venue.id: venue for venue in parse_venues(text, source="default.toml")}
        self.now = NOW
        self.events: list[StoredEvent] = []
        self.venues = venues
        self.bookings = Bookings(database, lambda: self.now, self._keep, venues=venues.values())
        self.upcoming = Upcoming(database, venues, lambda: self.now, self._keep)
        self.twin = Upcoming(database, venues, lambda: self.now, self._keep)

    async def apply(self, op: Op, reservation_id: str, **fields: Any) -> None:
        """An operation on a table."""
        operation = Operation(
            f"{op}-{reservation_id}-{len(self.events)}",
            op,
            "harbour-grill",
            reservation_id=reservation_id,
            **fields,
        )
        outcome = (await self.bookings.apply([operation]))[0]
        assert outcome.refusal is None

    async def book(self, reservation_id: str, start: datetime, **fields: Any) -> None:
        """A table."""
        await self.apply(
            Op.BOOK,
            reservation_id,
            start=start,
            customer_name="Ada Low",
            guests=2,
            source="phone",
            **fields,
        )

    @property
    def announced(self) -> list[tuple[str, str]]:
        """Guests that were announced, and for when, in order."""
        messages = [decode(event.body) for event in self.events if event.stream == NOTES]
        shown = [
            message["reservation"]
            for message in messages
            if message["type"] == "upcoming_reservation"
        ]
        assert all(reservation["status"] == "Upcoming" for reservation in shown)
        return [(reservation["id"], reservation["date"][11:16]) for reservation in shown]

    def _keep(self, events: Any, venue_ids: frozenset[str]) -> None:
        assert venue_ids == {"harbour-grill"}
        self.events += events


@asynccontextmanager
async def rigged(tmp_path: Path) -> AsyncIterator[Rig]:
    """A rig on an empty store."""
    database = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=lambda: NOW
    )
    rig = Rig(database)
    await database.write(lambda connection: save_venues(connection, tuple(rig.venues.values())))
    try:
        yield rig
    finally:
        await rig.bookings.finish()
        await database.close()


async def test_announced_when_the_lead_is_reached_and_not_before(tmp_path: Path) -> None:
    """The window is now < start ≤ now + lead, to the millisecond."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=90))
        rig.now = NOW + timedelta(minutes=30) - timedelta(milliseconds=1)
        assert await rig.upcoming.announce_due() == 0
        rig.now = NOW + timedelta(minutes=30)
        assert await rig.upcoming.announce_due() == 1
        assert rig.announced == [("t", "13:30")]


async def test_what_has_begun_is_not_upcoming(tmp_path: Path) -> None:
    """A start that is now, or was missed, is announced no more."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=90))
        rig.now = NOW + timedelta(minutes=90)
        assert await rig.upcoming.announce_due() == 0


async def test_once_however_many_ask(tmp_path: Path) -> None:
    """Two announcers at the same time, and again later: one event."""
    async with rigged(tmp_path) as rig:
        for number in range(20):
            await rig.book(f"t{number:02}", NOW + timedelta(minutes=90))
        rig.now = NOW + timedelta(minutes=40)
        counts = await asyncio.gather(rig.upcoming.announce_due(), rig.twin.announce_due())
        assert sum(counts) == 20
        assert await rig.upcoming.announce_due() == 0
        assert rig.announced == [(f"t{number:02}", "13:30") for number in range(20)]


async def test_booked_inside_the_lead_is_announced_by_the_booking_alone(tmp_path: Path) -> None:
    """At once, and not a second time."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=10))
        assert rig.announced == [("t", "12:10")]
        assert await rig.upcoming.announce_due() == 0


async def test_moved_to_another_start_is_announced_for_that_too(tmp_path: Path) -> None:
    """Once per reservation and start."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=10))
        await rig.apply(Op.AMEND, "t", start=NOW + timedelta(minutes=120))
        rig.now = NOW + timedelta(minutes=70)
        assert await rig.upcoming.announce_due() == 1
        assert rig.announced == [("t", "12:10"), ("t", "14:00")]


async def test_who_does_not_come_is_not_announced(tmp_path: Path) -> None:
    """Cancelled before the lead: nothing. Reinstated inside it: announced by that."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=90))
        await rig.apply(Op.CANCEL, "t")
        rig.now = NOW + timedelta(minutes=40)
        assert await rig.upcoming.announce_due() == 0
        await rig.apply(Op.REINSTATE, "t")
        assert rig.announced == [("t", "13:30")]


async def test_loaded_from_the_past_it_is_announced_when_its_time_comes(tmp_path: Path) -> None:
    """The operation itself makes no announcement, time does."""
    async with rigged(tmp_path) as rig:
        await rig.book("t", NOW + timedelta(minutes=30), at=NOW - timedelta(days=2))
        assert rig.announced == []
        assert await rig.upcoming.announce_due() == 1
