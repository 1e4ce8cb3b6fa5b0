"""First pages of reservations that are kept: they are what the store would give, whichever process
wrote, and nothing of a guest stays in them.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from rtdash.bookings import Bookings
from rtdash.dashboard import Dashboard
from rtdash.domain.reservations import Op, Status
from rtdash.hub import Hub
from rtdash.protocol.messages import decode
from rtdash.server.rest import kept_pages
from rtdash.server.rest.kept_pages import KeptPages, PageKey, read_list
from rtdash.server.rest.paging import Selection
from rtdash.store import event_log
from rtdash.store.database import Database
from rtdash.store.guests import Guest, erase_guest
from rtdash.store.log_state import read_log_state
from tests.fakes import Turns
from tests.stores import (
    GRILL,
    HOTEL,
    TODAY,
    VENUES,
    ManualClock,
    anyio_backend,
    clock,
    database,
    database_url,
    table,
    then,
)

__all__ = ["anyio_backend", "clock", "database", "database_url"]

pytestmark = pytest.mark.anyio

ALL = PageKey(GRILL.id, 50)


class Rig:
    """Kept pages over a store. Its bookings reach the dashboard only where a test says so."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        turns = Turns()
        self.database = database
        self.dashboard = Dashboard(
            database,
            Hub(turns.call_soon, turns.call_later, turns.clock),
            {venue.id: venue for venue in VENUES},
            clock,
        )
        self.pages = KeptPages(database, self.dashboard)
        self.bookings = Bookings(database, clock, lambda *_: None, venues=VENUES)

    async def shown(self, key: PageKey = ALL) -> dict[str, Any]:
        """The page as it is answered, which must be what the store gives now."""
        page = await self.pages.first_page(key, GRILL)
        statuses = None if key.status is None else [key.status]
        selection = Selection(statuses=statuses, limit=key.limit)
        stored = await self.database.read(
            lambda conn: read_list(conn, GRILL, selection, read_log_state(conn, GRILL.id))
        )
        body = decode(page.body)
        assert body == stored
        return body

    async def settle(self) -> None:
        """Wait until nothing is written any more; on a server that is never known."""
        async with asyncio.timeout(30):
            # the writer's thread counts, and sets no event
            while self.database.quiet_mark is None and self.is_alone:  # noqa: ASYNC110
                await asyncio.sleep(0)

    @property
    def is_alone(self) -> bool:
        """Whether no other process can write to the store."""
        return self.database._engines.file is not None


@pytest.fixture
async def rig(database: Database, clock: ManualClock) -> AsyncIterator[Rig]:
    built = Rig(database, clock)
    yield built
    await built.bookings.finish()


async def test_a_page_is_what_the_store_gives_after_every_change(rig: Rig) -> None:
    """Also where no one announced it, and whatever was kept before."""
    confirmed = PageKey(GRILL.id, 2, Status.CONFIRMED)
    for number in range(6):
        assert len((await rig.shown())["reservations"]) == number
        await rig.bookings.apply([table(reservation_id=f"r{number}")])
        assert (await rig.shown())["positions"]["restaurant_reservations"]["seq"] == number + 1
    assert [one["id"] for one in (await rig.shown(confirmed))["reservations"]] == ["r0", "r1"]
    await rig.bookings.apply([then(Op.CANCEL, "r0")])
    assert [one["id"] for one in (await rig.shown(confirmed))["reservations"]] == ["r1", "r2"]
    assert (await rig.shown(confirmed))["next"] is not None


async def test_what_has_not_changed_is_not_read_again(rig: Rig) -> None:
    """A write elsewhere costs a look at where the log stands; without any, there is not even
    that.
    """
    await rig.bookings.apply([table()])
    await rig.settle()
    page = await rig.pages.first_page(ALL, GRILL)
    assert rig.pages.at_hand(ALL, GRILL) is (page if rig.is_alone else None)
    await rig.bookings.apply([table()])
    assert rig.pages.at_hand(ALL, GRILL) is None
    newer = await rig.pages.first_page(ALL, GRILL)
    assert newer is not page
    await rig.database.write(lambda conn: conn.execute(text("DELETE FROM hooks")))
    await rig.settle()
    assert rig.pages.at_hand(ALL, GRILL) is None
    assert await rig.pages.first_page(ALL, GRILL) is newer
    assert rig.pages.at_hand(ALL, GRILL) is (newer if rig.is_alone else None)


async def test_a_page_read_during_a_write_is_asked_about_again(rig: Rig) -> None:
    """While something is written no page is taken for true, nor is one that was read then."""
    await rig.settle()
    page = await rig.pages.first_page(ALL, GRILL)
    may_end = threading.Event()
    writing = rig.database.submit(lambda _: may_end.wait(30))
    assert rig.pages.at_hand(ALL, GRILL) is None
    assert await rig.pages.first_page(ALL, GRILL) is page
    may_end.set()
    assert await writing
    await rig.settle()
    assert rig.pages.at_hand(ALL, GRILL) is None
    assert await rig.pages.first_page(ALL, GRILL) is page
    assert rig.pages.at_hand(ALL, GRILL) is (page if rig.is_alone else None)


async def test_a_log_with_a_new_name_has_new_positions(rig: Rig) -> None:
    """Although its heads are as they were."""
    before = (await rig.shown())["positions"]
    await rig.database.write(event_log.draw_epoch)
    assert (await rig.shown())["positions"] != before


async def test_a_venue_that_was_reloaded_is_shown_as_it_is_now(rig: Rig) -> None:
    """With its currency and in its zone."""
    await rig.bookings.apply([table()])
    await rig.pages.first_page(ALL, GRILL)
    changed = replace(GRILL, currency="JPY")
    page = await rig.pages.first_page(ALL, changed)
    assert decode(page.body)["reservations"][0]["currency"] == "JPY"
    assert rig.pages.at_hand(ALL, GRILL) is None


async def test_the_day_is_kept_by_its_date(rig: Rig) -> None:
    """Cancelled reservations aren't on the day's page."""
    await rig.bookings.apply(
        [table(reservation_id="r1"), table(reservation_id="r2"), then(Op.CANCEL, "r1")]
    )
    key = PageKey(GRILL.id, 50, on_date=TODAY)
    for _ in range(2):
        body = decode((await rig.pages.first_page(key, GRILL)).body)
        assert (body["businessDate"], body["total"]) == (TODAY.isoformat(), 1)
        assert [one["id"] for one in body["reservations"]] == ["r2"]
    other = PageKey(GRILL.id, 50, on_date=TODAY + timedelta(days=1))
    assert decode((await rig.pages.first_page(other, GRILL)).body)["total"] == 0


async def test_a_change_that_is_announced_leaves_no_bytes(rig: Rig) -> None:
    """So an erased guest is in no page once the erasure is answered, nor where one was being read
    at that moment.
    """
    await rig.bookings.apply([table(customer_name="Zoë Quill")])
    assert b"Quill" in (await rig.pages.first_page(ALL, GRILL)).body
    rig.dashboard.mark_dirty(HOTEL.id)
    assert rig.pages.size_bytes > 0
    reading = asyncio.ensure_future(rig.pages.first_page(PageKey(GRILL.id, 7), GRILL))
    await asyncio.sleep(0)
    await rig.database.write(
        lambda conn: erase_guest(conn, Guest(name="Zoë Quill"), now=table().start)
    )
    rig.dashboard.mark_dirty(GRILL.id)
    await reading
    assert b"Quill" not in b"".join(_bodies(rig.pages))
    assert b"Quill" not in (await rig.pages.first_page(ALL, GRILL)).body


async def test_no_more_bytes_are_kept_than_allowed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue that was read longest ago goes first."""
    await rig.bookings.apply([table() for _ in range(20)])
    first = await rig.pages.first_page(PageKey(HOTEL.id, 50), HOTEL)
    await rig.pages.first_page(ALL, GRILL)
    assert rig.pages.size_bytes > 5_000
    monkeypatch.setattr(kept_pages, "LIMIT_BYTES", rig.pages.size_bytes)
    await rig.pages.first_page(PageKey(HOTEL.id, 49), HOTEL)
    assert [len(body) for body in _bodies(rig.pages)] == [len(first.body)] * 2
    assert rig.pages.size_bytes == sum(len(body) + 500 for body in _bodies(rig.pages))
    monkeypatch.setattr(kept_pages, "LIMIT_BYTES", 0)
    await rig.pages.first_page(ALL, GRILL)
    assert (_bodies(rig.pages), rig.pages.size_bytes) == ([], 0)


def _bodies(pages: KeptPages) -> list[bytes]:
    return [page.body for of_venue in pages._kept.values() for page in of_venue.values()]
