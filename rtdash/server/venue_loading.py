"""Venues of a server: imported from a file, read from the store."""

import asyncio
from pathlib import Path

from rtdash.domain.venue_file import check_zones, parse_venues
from rtdash.domain.venues import Venue
from rtdash.resources import data_path
from rtdash.store.database import Database
from rtdash.store.venues import read_venues, save_venues


async def load_venues(database: Database, file: Path | None) -> dict[str, Venue]:
    """Return the venues of the store by id, after `file` was imported; an empty store gets the
    default ones. Raises VenueFileError, StoreError, OSError.
    """
    if file is not None:
        await _import(database, file)
    venues = await database.read(read_venues)
    if not venues:
        await _import(database, data_path("fixtures", "venues", "default.toml"))
        venues = await database.read(read_venues)
    check_zones(venues)
    return {venue.id: venue for venue in venues}


async def _import(database: Database, file: Path) -> None:
    content = await asyncio.to_thread(file.read_bytes)
    venues = parse_venues(content, source=str(file))
    await database.write(lambda connection: save_venues(connection, venues))
