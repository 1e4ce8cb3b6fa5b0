"""The scripted server as a fixture, and times short enough to wait for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from rtdash.client import Connection, ConnectionChange, State, Timing
from tests.client.scripted_server import Scripted, reservation_event, scripted_server

FAST = Timing(
    frozen_after_s=20,  # a busy machine is no frozen server; test_silence has its own
    answer_within_s=5,
    quiet_s=0.1,
    polling_after=3,
    stats_every_s=0.1,
    upcoming_every_s=0.05,
    first_delay_s=0.01,
    longest_delay_s=0.02,
    settled_s=0.2,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def fast() -> Timing:
    """Times short enough to wait for."""
    return FAST


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """A server whose scripts a test puts in before it connects."""
    async with scripted_server() as scripted:
        yield scripted


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Makes the message of event `seq`."""
    return reservation_event


@pytest.fixture
def until() -> Callable[..., Awaitable[list[Any]]]:
    """Takes items until one is in a state, or until so many messages have come; returns all of
    them.
    """

    async def take(
        live: Connection, *, state: State | None = None, messages: int | None = None
    ) -> list[Any]:
        items: list[Any] = []
        async with asyncio.timeout(30):
            async for item in live:
                items.append(item)
                if state is not None and isinstance(item, ConnectionChange) and item.state is state:
                    break
                if messages is not None and sum(isinstance(one, dict) for one in items) == messages:
                    break
        return items

    return take
