"""Upcoming reservations: each is announced once, when its start comes within the venue's lead
(guide: rest, "What the figures mean"). A booking inside the lead is announced by itself; this
module announces what time brings about.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from rtdash.domain.instants import Clock
from rtdash.domain.reservations import Reservation
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import Stream, notifications_channel
from rtdash.protocol.messages import upcoming_message
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.store import announcements, event_log
from rtdash.store.announcements import Announcement
from rtdash.store.database import Connection, Database, StoreUnavailable
from rtdash.store.event_log import NewEvent, StoredEvent
from rtdash.store.venues import lock_venues

TICK_S = 2.0
"""How late an announcement may be; leads are counted in minutes."""
AT_ONCE = 500
"""Reservations of a venue announced in one transaction."""

_log = logging.getLogger(__name__)


class Upcoming:
    """Announces what is due. `on_committed` hears of the events as it does of those of bookings."""

    def __init__(
        self,
        database: Database,
        venues: Mapping[str, Venue],
        clock: Clock,
        on_committed: Callable[[Sequence[StoredEvent], frozenset[str]], None],
    ) -> None:
        self._database = database
        self._venues = venues
        self._clock = clock
        self._on_committed = on_committed

    async def announce_periodically(self) -> None:
        """Announce for ever; a store that is away is asked again."""
        while True:
            try:
                await self.announce_due()
            except StoreUnavailable as error:
                _log.warning("upcoming reservations are announced later: %s", error)
            await asyncio.sleep(TICK_S)

    async def announce_due(self) -> int:
        """Announce everything that is due now, and nothing twice. Returns how many.
        Raises StoreUnavailable.
        """
        announced = 0
        for venue in await self._database.read(self._venues_with_due):
            while stored := await self._database.write(partial(self._announce, venue)):
                announced += len(stored)
                self._on_committed(stored, frozenset({venue.id}))
        return announced

    def _venues_with_due(self, connection: Connection) -> list[Venue]:
        now = self._clock()
        return [
            venue for venue in self._venues.values() if _read_due(connection, venue, now, limit=1)
        ]

    def _announce(self, venue: Venue, connection: Connection) -> list[StoredEvent]:
        """Claim and append in one transaction, looked at again under the venue's lock, since it may
        have been cancelled meanwhile.
        """
        now = self._clock()
        if lock_venues(connection, [venue.id]):
            return []  # it is out of service
        due = {
            Announcement(venue.id, one.id, one.start): one
            for one in _read_due(connection, venue, now, limit=AT_ONCE)
        }
        claimed = announcements.claim(connection, due, now=now)
        channel = notifications_channel(venue.kind)
        stream = Stream(venue.id, channel)
        events = [
            NewEvent(
                stream, upcoming_message(channel, venue.id, reservation_json(reservation, venue))
            )
            for announcement, reservation in due.items()
            if announcement in claimed
        ]
        return event_log.append(connection, events, now=now)


def _read_due(
    connection: Connection, venue: Venue, now: datetime, *, limit: int
) -> list[Reservation]:
    until = now + timedelta(minutes=venue.upcoming_lead_minutes)
    return announcements.read_due(connection, venue.id, now=now, until=until, limit=limit)
