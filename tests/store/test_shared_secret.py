"""The secret of a store's processes."""

import pytest

from rtdash.store.database import Database
from rtdash.store.shared_secret import read_shared_secret

pytestmark = pytest.mark.anyio


async def test_every_process_finds_the_same_secret(database: Database) -> None:
    """The first one draws it."""
    first = await database.write(read_shared_secret)
    assert len(first) >= 32
    assert await database.write(read_shared_secret) == first
