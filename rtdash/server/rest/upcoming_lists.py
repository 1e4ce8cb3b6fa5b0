"""The first pages of upcoming reservations, kept as bytes for a moment: what every polling
dashboard asks for every 15 seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.reservations import EXPECTED, Reservation
from rtdash.domain.venues import Venue
from rtdash.protocol.etags import weak_etag
from rtdash.protocol.messages import encode
from rtdash.server.rest.paging import Selection, page_body, read_page
from rtdash.store.database import Database

KEPT = timedelta(seconds=1)
"""How long a list is shown while nothing has changed: so late a start may come into the window."""
KEPT_DIRTY = timedelta(seconds=0.25)
"""Time for which a list is shown after another user's change."""
MAX_KEPT = 1_000
"""Lists kept at once, at most; those that are too old to be shown go before, so that nothing large
stays that was asked for only once."""


class ListKey(NamedTuple):
    """One list: of a venue, so far ahead, so many."""

    venue_id: str
    within_minutes: int
    limit: int


@dataclass(frozen=True, slots=True)
class KeptList:
    """A list as it is answered. `mark` is that of the dashboard when it was read."""

    body: bytes
    etag: str
    mark: int
    read_at: datetime
    first_start: datetime | None


class UpcomingLists:
    """Reads and keeps first pages; later pages are read each time."""

    def __init__(self, database: Database, dashboard: Dashboard, clock: Clock) -> None:
        self._database = database
        self._dashboard = dashboard
        self._clock = clock
        self._kept: dict[ListKey, KeptList] = {}  # in the order in which they were read

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: ListKey, at_least: int) -> KeptList | None:
        """The list at hand if it may be shown, with every change up to mark `at_least` in it."""
        kept = self._kept.get(key)
        if kept is None or kept.mark < at_least:
            return None
        now = self._clock()
        lasts = KEPT if kept.mark == self._dashboard.change_count(key.venue_id) else KEPT_DIRTY
        if not timedelta(0) <= now - kept.read_at < lasts or (
            kept.first_start is not None and kept.first_start < now
        ):
            return None
        return kept

    async def first_page(self, venue: Venue, key: ListKey, at_least: int) -> KeptList:
        """Return the first page. Raises StoreUnavailable."""
        if kept := self.fresh(key, at_least):
            return kept
        mark, now = self._dashboard.change_count(venue.id), self._clock()
        page = await self._database.read(
            lambda connection: read_page(connection, venue, selection_of(key, now))
        )
        body = encode(page_body(venue, page))
        kept = KeptList(body, weak_etag(body), mark, now, _first_start(page[0]))
        self._kept.pop(key, None)
        self._forget(now)
        self._kept[key] = kept
        return kept

    def _forget(self, now: datetime) -> None:
        for key, kept in tuple(self._kept.items()):
            if now - kept.read_at < KEPT and len(self._kept) < MAX_KEPT:
                return
            del self._kept[key]


def selection_of(key: ListKey, now: datetime, cursor: str | None = None) -> Selection:
    """Pending and Confirmed, from now on, so far ahead."""
    until = now + timedelta(minutes=key.within_minutes)
    return Selection(
        statuses=EXPECTED, start_from=now, start_until=until, limit=key.limit, cursor=cursor
    )


def _first_start(reservations: list[Reservation]) -> datetime | None:
    return reservations[0].start if reservations else None
