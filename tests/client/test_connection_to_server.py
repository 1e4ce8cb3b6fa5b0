"""The client with the real server, through its deaths."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rtdash.client import ConnectionChange, State, Timing, connect
from rtdash.protocol.channels import Position
from tests.client.processes import Served

pytestmark = pytest.mark.anyio

STREAM = ("harbour-grill", "restaurant_reservations")
CHANNELS = ["restaurant_stats", "restaurant_reservations"]
QUICK = replace(Timing(), frozen_after_s=1, first_delay_s=0.05, longest_delay_s=0.2)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = Served(tmp_path / "data", drain_window_s="0.2", restart_allowance_s="1")
    yield server
    server.end(signal.SIGKILL)


async def gather(live, count):
    """The operation ids of so many reservation events, and everything else that came before
    them.
    """
    operations, others = [], []
    async with asyncio.timeout(40):
        while len(operations) < count:
            item = await anext(live)
            if isinstance(item, dict) and item.get("channel") == STREAM[1]:
                operations.append(item["operationId"])
            else:
                others.append(item)
    return operations, others


def states(items):
    return {item.state for item in items if isinstance(item, ConnectionChange)}


async def test_nothing_is_lost_or_repeated_over_deaths(served, until):
    """Killed, drained and frozen servers: every acknowledged reservation comes exactly once, in
    order.
    """
    async with connect(served.url, CHANNELS, token=served.token, timing=QUICK) as live:
        await until(live, state=State.LIVE)
        booked = await asyncio.to_thread(served.book, 3)
        got, others = await gather(live, 3)
        assert any(item["type"] == "stats_update" for item in others if isinstance(item, dict))

        await asyncio.to_thread(served.end, signal.SIGKILL)
        await asyncio.to_thread(served.start)
        booked += await asyncio.to_thread(served.book, 2)
        more, others = await gather(live, 2)
        got += more
        assert states(others) >= {State.CONNECTING}

        await asyncio.to_thread(served.end, signal.SIGTERM)
        await asyncio.to_thread(served.start)
        booked += await asyncio.to_thread(served.book, 2)
        got += (await gather(live, 2))[0]

        served.send(signal.SIGSTOP)
        frozen = await until(live, state=State.CONNECTING)
        assert "silent for 1 s" in frozen[-1].detail
        served.send(signal.SIGCONT)
        booked += await asyncio.to_thread(served.book, 1)
        got += (await gather(live, 1))[0]
        assert live.positions[STREAM].seq == 8
    assert got == booked


async def test_kept_positions_go_on_where_they_were(served, until):
    """An application that comes back with the positions that it stored gets what it missed, and
    says that it is catching up.
    """
    async with connect(served.url, CHANNELS, token=served.token()) as live:
        await until(live, state=State.LIVE)
        await asyncio.to_thread(served.book, 2)
        await gather(live, 2)
        kept = live.positions
    missed = await asyncio.to_thread(served.book, 3)
    async with connect(
        served.url,
        CHANNELS,
        token=served.token(),
        positions=kept,
        timing=replace(Timing(), quiet_s=3),
    ) as live:
        got, others = await gather(live, 3)
        assert states(others) == {State.CONNECTING, State.REPLAYING}
        await until(live, state=State.LIVE)
    assert got == missed


async def test_position_that_the_log_never_had(served, until):
    """A position of another log is answered with a reset, and events go on from there."""
    async with connect(
        served.url, CHANNELS, token=served.token(), positions={STREAM: Position("another log", 5)}
    ) as live:
        await until(live, state=State.LIVE)
        reset = None
        while reset is None:
            item = await anext(live)
            reset = item if isinstance(item, dict) and item["type"] == "reset" else None
        booked = await asyncio.to_thread(served.book, 1)
        assert (await gather(live, 1))[0] == booked
        assert live.positions[STREAM].epoch == reset["position"]["epoch"]
