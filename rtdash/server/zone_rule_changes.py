"""Rules of time zones at the start of a server: where they are others than the store has seen,
reservations that lie ahead keep their hour on the venue's wall.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.domain.zones import rules_digest
from rtdash.store import zone_rules
from rtdash.store.database import Database

ROWS = 500
"""Reservations looked at in one transaction, so that writers in other processes don't wait long."""

_log = logging.getLogger(__name__)


async def follow_zone_rules(database: Database, venues: Mapping[str, Venue], clock: Clock) -> int:
    """Move the starts of venues in zones with other rules than before. Returns how many moved.

    Interrupted, it begins again at the next start: what was moved stays. Raises StoreError.
    """
    zones = sorted({venue.timezone for venue in venues.values()})
    digests = await asyncio.to_thread(lambda: {zone: rules_digest(zone) for zone in zones})
    changed = await database.write(partial(zone_rules.note_rules, digests=digests))
    if not changed:
        return 0
    moved = 0
    for venue in venues.values():
        if venue.timezone in changed:
            moved += await _move(database, venue, clock)
    await database.write(partial(zone_rules.replace_rules, digests=digests))
    _log.warning(
        "the rules of %s have changed: %d reservations keep their local hour at another instant",
        ", ".join(sorted(changed)),
        moved,
    )
    return moved


async def _move(database: Database, venue: Venue, clock: Clock) -> int:
    moved, cursor = 0, None
    while True:
        page = await database.write(
            partial(zone_rules.move_starts, venue=venue, now=clock(), cursor=cursor, limit=ROWS)
        )
        moved, cursor = moved + len(page.events), page.next
        if cursor is None:
            return moved
