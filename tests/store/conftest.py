"""The fixtures of every test on a store."""

import pytest

from rtdash.bookings import Bookings
from tests.stores import VENUES, anyio_backend, clock, database, database_url

__all__ = ["anyio_backend", "clock", "database", "database_url"]


@pytest.fixture
async def bookings(database, clock):
    """The write path, which is how rows come into the store."""
    opened = Bookings(database, clock, lambda *_: None, venues=VENUES)
    yield opened
    await opened.finish()
