"""The figures of venues: fresh when asked for, published when they change, quiet when they
don't.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rtdash.bookings import Bookings
from rtdash.dashboard import Dashboard
from rtdash.dashboard.live import LEAST_INTERVAL_S
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venue_file import parse_venues
from rtdash.hub import EncodedBatch, Hub
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.messages import decode
from rtdash.resources import data_path
from rtdash.store.database import Database
from rtdash.store.venues import save_venues
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio
GRILL = Stream("harbour-grill", Channel.RESTAURANT_STATS)
HOTEL = Stream("harbour-hotel", Channel.HOTEL_STATS)


class Follower:
    """Keeps what it gets, and signals when it has so many messages."""

    write = None

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def failed(self) -> None:
        """Nothing here raises."""

    def deliver(self, batch: EncodedBatch) -> None:
        """Take them."""
        self.messages += [decode(body) for body in batch.bodies]
        self._changed.set()

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The messages, once there are so many."""
        async with asyncio.timeout(30):
            while len(self.messages) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.messages


class Rig:
    """A dashboard on a real store, fed by real bookings."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        loop = asyncio.get_running_loop()
        text = data_path("fixtures", "venues", "default.toml").read_text(encoding="utf-8")
        self.venues = {venue.id: venue for venue in parse_venues(text, source="default.toml")}
        self.clock = clock
        self.hub = Hub(loop.call_soon, loop.call_later, loop.time)
        self.database = database
        self.dashboard = Dashboard(database, self.hub, self.venues, clock)
        self.bookings = Bookings(database, clock, self._mark, venues=self.venues.values())
        self._count = 0

    async def book(self, start: datetime, **fields: Any) -> None:
        """A table at that instant."""
        self._count += 1
        terms = {"customer_name": "Ada", "guests": 4, "source": "phone", "start": start} | fields
        outcome = (
            await self.bookings.apply(
                [Operation(f"op-{self._count}", Op.BOOK, "harbour-grill", **terms)]
            )
        )[0]
        assert outcome.refusal is None

    def _mark(self, _events: object, venue_ids: frozenset[str]) -> None:
        for venue_id in venue_ids:
            self.dashboard.mark_dirty(venue_id)


@asynccontextmanager
async def rigged(tmp_path: Path) -> AsyncIterator[Rig]:
    """A rig whose dashboard runs."""
    clock = ManualClock(datetime(2026, 3, 4, 12, tzinfo=UTC))
    database = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock
    )
    rig = Rig(database, clock)
    await database.write(lambda connection: save_venues(connection, tuple(rig.venues.values())))
    running = asyncio.create_task(rig.dashboard.keep_fresh())
    try:
        yield rig
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await rig.bookings.finish()
        await database.close()


async def test_a_snapshot_counts_what_was_booked_before_it_was_asked_for(tmp_path: Path) -> None:
    """Without a mark to reach, everything known here is in it."""
    async with rigged(tmp_path) as rig:
        for number in range(1, 4):
            await rig.book(rig.clock.now)
            assert (await rig.dashboard.snapshot("harbour-grill")).stats[
                "reservationsToday"
            ] == number


@pytest.mark.parametrize("turns", range(8))
async def test_an_end_that_comes_with_news_is_obeyed(tmp_path: Path, turns: int) -> None:
    """Whichever turn of the loop they share: a server whose last booking came with its end would
    never end.
    """
    async with rigged(tmp_path) as rig:
        dashboard = Dashboard(rig.database, rig.hub, rig.venues, rig.clock)
        rig.hub.join(GRILL, Follower())
        await dashboard.current_states(GRILL)
        running = asyncio.create_task(dashboard.keep_fresh())
        await asyncio.sleep(0.1)
        dashboard.mark_dirty("harbour-grill")
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait([running], timeout=10)
        assert ended


async def test_an_unchanged_snapshot_keeps_its_bytes_and_its_instant(tmp_path: Path) -> None:
    """Computed anew with the same figures, it is the same to the byte."""
    async with rigged(tmp_path) as rig:
        first = await rig.dashboard.snapshot("harbour-grill")
        rig.clock.now += timedelta(minutes=5)
        rig.dashboard.mark_dirty("harbour-grill")
        second = await rig.dashboard.snapshot("harbour-grill")
        assert second is not first
        assert (second.body, second.etag, second.timestamp) == (
            first.body,
            first.etag,
            first.timestamp,
        )


async def test_a_snapshot_that_need_not_include_the_latest_is_taken_from_hand(
    tmp_path: Path,
) -> None:
    """A caller that wrote nothing gets the last figures for a moment; a caller that wrote does not."""
    async with rigged(tmp_path) as rig:
        first = await rig.dashboard.snapshot("harbour-grill")
        rig.dashboard.mark_dirty("harbour-grill")
        assert await rig.dashboard.snapshot("harbour-grill", at_least=0) is first
        assert await rig.dashboard.snapshot("harbour-grill", at_least=1) is not first


async def test_requests_at_the_same_time_share_one_computation(tmp_path: Path) -> None:
    """All get the same snapshot."""
    async with rigged(tmp_path) as rig:
        await rig.book(rig.clock.now)
        snapshots = await asyncio.gather(
            *(rig.dashboard.snapshot("harbour-grill") for _ in range(10))
        )
        assert len({id(snapshot) for snapshot in snapshots}) == 1


async def test_followers_get_the_figures_when_they_change(tmp_path: Path) -> None:
    """A booking brings one stats_update with its counts, and no other message."""
    async with rigged(tmp_path) as rig:
        follower = Follower()
        states = await rig.dashboard.current_states(GRILL)
        assert [decode(body)["type"] for body in states] == ["stats_update"]
        rig.hub.join(GRILL, follower)
        await rig.book(rig.clock.now, guests=3)
        message = (await follower.wait_for(1))[0]
        assert (message["type"], message["channel"], message["venue"]) == (
            "stats_update",
            "restaurant_stats",
            "harbour-grill",
        )
        assert (message["stats"]["reservationsToday"], message["stats"]["expectedGuests"]) == (1, 3)


async def test_figures_that_stay_the_same_are_not_published(tmp_path: Path) -> None:
    """A booking for another day says nothing about today: the next message is about the one for
    today.
    """
    async with rigged(tmp_path) as rig:
        follower = Follower()
        await rig.dashboard.current_states(GRILL)
        rig.hub.join(GRILL, follower)
        await rig.book(rig.clock.now + timedelta(days=3))
        await rig.dashboard.snapshot("harbour-grill")
        await rig.book(rig.clock.now)
        assert [
            message["stats"]["reservationsToday"] for message in await follower.wait_for(1)
        ] == [1]


async def test_many_changes_are_published_together(tmp_path: Path) -> None:
    """The last message has all of them, and there are fewer messages than changes."""
    async with rigged(tmp_path) as rig:
        follower = Follower()
        await rig.dashboard.current_states(GRILL)
        rig.hub.join(GRILL, follower)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(rig.book(rig.clock.now) for _ in range(40)))
        async with asyncio.timeout(30):
            while not follower.messages or follower.messages[-1]["stats"]["reservationsToday"] < 40:
                await follower.wait_for(len(follower.messages) + 1)
        assert len(follower.messages) <= 2 + (loop.time() - began) / LEAST_INTERVAL_S
        assert len(follower.messages) < 40


async def test_a_hotel_publishes_tonights_rooms_when_they_change(tmp_path: Path) -> None:
    """A stay from tonight changes figures and rooms; one from tomorrow neither."""
    async with rigged(tmp_path) as rig:
        follower = Follower()
        states = [decode(body) for body in await rig.dashboard.current_states(HOTEL)]
        assert [state["type"] for state in states] == ["stats_update", "room_availability_update"]
        assert states[1]["availability"] == {
            "totalRooms": 50,
            "availableRooms": 50,
            "occupancyRate": 0,
        }
        rig.hub.join(HOTEL, follower)
        tonight = rig.clock.now.date()
        stay = {"customer_name": "Ada", "guests": 1, "source": "web", "room_type": "double"}
        for number, first in enumerate((tonight + timedelta(days=1), tonight)):
            operation = Operation(
                f"stay-{number}",
                Op.BOOK,
                "harbour-hotel",
                check_in=first,
                check_out=first + timedelta(days=1),
                **stay,
            )
            await rig.bookings.apply([operation])
        messages = {message["type"]: message for message in await follower.wait_for(2)}
        assert messages["room_availability_update"]["availability"] == {
            "totalRooms": 50,
            "availableRooms": 49,
            "occupancyRate": 2,
        }
        assert messages["stats_update"]["stats"]["reservationsToday"] == 1
        assert len(follower.messages) == 2


async def test_the_turn_of_the_date_brings_the_next_days_figures(tmp_path: Path) -> None:
    """At the closeout hour today's reservations become tomorrow's, without a change."""
    async with rigged(tmp_path) as rig:
        await rig.book(rig.clock.now + timedelta(days=1))
        assert (await rig.dashboard.snapshot("harbour-grill")).stats["reservationsToday"] == 0
        rig.clock.now = datetime(2026, 3, 5, 3, 59, 59, 999_000, tzinfo=UTC)
        assert (await rig.dashboard.snapshot("harbour-grill")).stats["reservationsToday"] == 0
        rig.clock.now += timedelta(milliseconds=1)
        turned = await rig.dashboard.snapshot("harbour-grill")
        assert (turned.business_date.isoformat(), turned.stats["reservationsToday"]) == (
            "2026-03-05",
            1,
        )


async def test_trends_compare_with_the_same_time_last_week(tmp_path: Path) -> None:
    """What was booked by then counts, what was booked later in that week's day doesn't."""
    async with rigged(tmp_path) as rig:
        now = rig.clock.now
        rig.clock.now = now - timedelta(days=7, minutes=1)
        await rig.book(now - timedelta(days=7))
        await rig.book(now - timedelta(days=7))
        rig.clock.now = now - timedelta(days=7) + timedelta(minutes=1)
        await rig.book(now - timedelta(days=7))
        rig.clock.now = now
        for _ in range(3):
            await rig.book(now)
        stats = (await rig.dashboard.snapshot("harbour-grill")).stats
        assert (stats["reservationsToday"], stats["reservationsTrend"], stats["guestsTrend"]) == (
            3,
            50,
            50,
        )
        assert stats["pendingPaymentsTrend"] is None


async def test_what_a_faster_clock_has_written_counts_at_once(tmp_path: Path) -> None:
    """A booking by a process whose clock is ahead, or from before ours was set back, is in the
    figures; and is not left out for a minute.
    """
    async with rigged(tmp_path) as rig:
        rig.clock.now += timedelta(seconds=1)
        await rig.book(rig.clock.now)
        rig.clock.now -= timedelta(seconds=1)
        assert (await rig.dashboard.snapshot("harbour-grill")).stats["reservationsToday"] == 1


async def test_a_venue_that_nobody_follows_any_more_is_left_alone(tmp_path: Path) -> None:
    """After the last follower has left nothing is published."""
    async with rigged(tmp_path) as rig:
        follower = Follower()
        await rig.dashboard.current_states(GRILL)
        subscription = rig.hub.join(GRILL, follower)
        rig.hub.leave(subscription)
        await rig.book(rig.clock.now)
        await rig.dashboard.snapshot("harbour-grill")
        rig.hub.flush_now()
        assert follower.messages == []
