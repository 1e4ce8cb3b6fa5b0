"""First pages of reservations, kept as bytes until something of their venue changes: what
dashboards ask for again and again.

A page is shown only where it is what the store would give now. In one process with its own file
that is so as long as nothing was written since it was read; otherwise the store is asked where the
venue's log stands, and only if that has moved the page is read anew.
"""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from rtdash.dashboard import Dashboard
from rtdash.domain.reservations import NOT_COMING, Status
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import notifications_channel, reservations_channel
from rtdash.protocol.etags import weak_etag
from rtdash.protocol.messages import encode, positions_json
from rtdash.server.rest.paging import Selection, page_body, read_page
from rtdash.store import pages
from rtdash.store.database import Connection, Database
from rtdash.store.log_state import LogState, read_log_state

LIMIT_BYTES = 8 * 1024 * 1024
"""Bytes of pages that are kept at once; those of the venue that was read longest ago go first."""
_ENTRY_BYTES = 500
"""What a page takes beside its bytes."""

_COMING = frozenset(Status) - NOT_COMING


class PageKey(NamedTuple):
    """Key of a list: so many of a venue, all of them or those of one status; or those to come on a
    business date.
    """

    venue_id: str
    limit: int
    status: Status | None = None
    on_date: date | None = None


@dataclass(slots=True)
class KeptPage:
    """Page as it is answered, where the log stood, and the store's mark under which it was true."""

    body: bytes
    etag: str
    venue: Venue
    state: LogState
    mark: int | None

    @property
    def size_bytes(self) -> int:
        """Bytes of memory that it takes."""
        return len(self.body) + _ENTRY_BYTES


class KeptPages:
    """Reads and keeps first pages; `invalidate` is called by the dashboard for each change of a
    venue, so that no bytes of a guest outlive an erasure.
    """

    def __init__(self, database: Database, dashboard: Dashboard) -> None:
        self._database = database
        self._dashboard = dashboard
        self._kept: dict[str, dict[PageKey, KeptPage]] = {}  # venues in the order of reading
        self.size_bytes = 0
        dashboard.on_dirty = self.invalidate

    def at_hand(self, key: PageKey, venue: Venue) -> KeptPage | None:
        """The page, if it is known without asking that it is what the store would give now."""
        kept = self._find(key, venue)
        if kept is None or kept.mark is None or kept.mark != self._database.quiet_mark:
            return None
        return kept

    async def first_page(self, key: PageKey, venue: Venue) -> KeptPage:
        """Return the page as it is now. Raises StoreUnavailable."""
        if (at_hand := self.at_hand(key, venue)) is not None:
            return at_hand
        # Both before the read: what is written meanwhile may be missing in it.
        mark, changes = self._database.quiet_mark, self._dashboard.change_count(venue.id)
        kept = self._find(key, venue)
        known = None if kept is None else kept.state
        state, body = await self._database.read(
            partial(_read_unless, known=known, key=key, venue=venue)
        )
        if body is None:
            assert kept is not None, "only a state that is known is not read anew"
            kept.mark = mark
            return kept
        page = KeptPage(body, weak_etag(body), venue, state, mark)
        if (
            self._dashboard.change_count(venue.id) == changes
        ):  # or `invalidate` came too early for it
            self._keep(key, page)
        return page

    def invalidate(self, venue_id: str) -> None:
        """Forget the pages of a venue."""
        for page in self._kept.pop(venue_id, {}).values():
            self.size_bytes -= page.size_bytes

    def _find(self, key: PageKey, venue: Venue) -> KeptPage | None:
        kept = self._kept.get(venue.id, {}).get(key)
        return kept if kept is not None and kept.venue is venue else None

    def _keep(self, key: PageKey, page: KeptPage) -> None:
        of_venue = self._kept[key.venue_id] = self._kept.pop(key.venue_id, {})
        older = of_venue.get(key)
        self.size_bytes += page.size_bytes - (0 if older is None else older.size_bytes)
        of_venue[key] = page
        while self.size_bytes > LIMIT_BYTES:
            self.invalidate(next(iter(self._kept)))


def read_list(
    connection: Connection, venue: Venue, selection: Selection, state: LogState
) -> dict[str, Any]:
    """A page with the positions from which following the channels leaves no gap. `state` was read
    before: where a read is no snapshot, the page may show more than the heads say, never less.
    """
    page = read_page(connection, venue, selection)
    channels = (reservations_channel(venue.kind), notifications_channel(venue.kind))
    return {**page_body(venue, page), "positions": positions_json(state.positions(channels))}


def read_day(
    connection: Connection, venue: Venue, on_date: date, *, limit: int, cursor: str | None = None
) -> dict[str, Any]:
    """A page of the reservations to come on a business date."""
    selection = Selection(statuses=_COMING, business_date=on_date, limit=limit, cursor=cursor)
    return {
        "venue": venue.id,
        "businessDate": on_date.isoformat(),
        "total": pages.count(connection, venue.id, selection),
        **page_body(venue, read_page(connection, venue, selection)),
    }


def _read_unless(
    connection: Connection, *, known: LogState | None, key: PageKey, venue: Venue
) -> tuple[LogState, bytes | None]:
    """Read where the log stands, and the page unless that is known."""
    state = read_log_state(connection, venue.id)
    if state == known:
        return state, None
    if key.on_date is not None:
        return state, encode(read_day(connection, venue, key.on_date, limit=key.limit))
    statuses = None if key.status is None else [key.status]
    selection = Selection(statuses=statuses, limit=key.limit)
    return state, encode(read_list(connection, venue, selection, state))
