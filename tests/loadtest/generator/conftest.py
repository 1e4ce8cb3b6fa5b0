"""A scripted server for the clients of the load test."""

from collections.abc import AsyncIterator

import pytest

from tests.client.scripted_server import Scripted, scripted_server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """A server whose scripts a test puts in before it connects."""
    async with scripted_server() as scripted:
        yield scripted
