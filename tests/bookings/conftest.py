"""The fixtures of tests on the write path."""

import pytest

from rtdash.bookings import Bookings
from tests.stores import VENUES, anyio_backend, clock, database, database_url

__all__ = ["anyio_backend", "clock", "database", "database_url"]


@pytest.fixture
def committed() -> list:
    """What `on_committed` has heard of: (events, venue ids), one a transaction."""
    return []


@pytest.fixture
async def bookings(database, clock, committed):
    """The write path on a store with two hotels and a restaurant."""
    opened = Bookings(
        database,
        clock,
        lambda events, venue_ids: committed.append((events, venue_ids)),
        venues=VENUES,
    )
    yield opened
    await opened.finish()
