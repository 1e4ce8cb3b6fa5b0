"""When a server says nothing: frozen, mute, gone, or only quiet."""

import asyncio
from dataclasses import replace

import pytest

from rtdash.client import State, Unreachable, connect
from tests.client.scripts import CHANNELS, seqs, standing, standing_again

pytestmark = pytest.mark.anyio

FROZEN_AFTER_S = 2
"""Of servers that are none: a busy machine may stand still for half of it."""


async def test_notices_a_frozen_server(server, until, fast):
    """A server that answers nothing, not even pings, is given up in the set time."""
    over = asyncio.Event()

    async def frozen(peer):
        await peer.subscribed()
        peer.socket.transport.pause_reading()
        await over.wait()
        peer.socket.transport.abort()

    server.scripts = [frozen, standing_again]
    timing = replace(fast, frozen_after_s=0.4)
    async with connect(server.url, CHANNELS, token="t", timing=timing) as live:
        await until(live, state=State.LIVE)
        items = await until(live, state=State.LIVE)
        over.set()
    assert "silent for 0.4 s" in items[0].detail


async def test_quiet_server_is_not_frozen(server, until, event, fast):
    """Silence with answered pings is fine: the connection stays the same."""
    heard = asyncio.Event()

    async def quiet(peer):
        await peer.subscribed()
        await heard.wait()
        await peer.say(event(1))
        await peer.stay()

    server.scripts = [quiet]
    timing = replace(fast, frozen_after_s=FROZEN_AFTER_S)
    async with connect(server.url, CHANNELS, token="t", timing=timing) as live:
        await until(live, state=State.LIVE)
        asyncio.get_running_loop().call_later(1.5 * FROZEN_AFTER_S, heard.set)
        assert await until(live, messages=1) == [event(1)]
    assert server.requests == ["/ws"]


async def test_slow_application_is_not_a_frozen_server(server, until, event, fast):
    """However long the application takes, the connection isn't blamed and nothing is lost."""
    count = 5000

    async def script(peer):
        await peer.subscribed()
        for seq in range(1, count + 1):
            await peer.say(event(seq))
        await peer.stay()

    server.scripts = [script]
    timing = replace(fast, frozen_after_s=FROZEN_AFTER_S)
    async with connect(server.url, CHANNELS, token="t", timing=timing) as live:
        await until(live, messages=1)
        await asyncio.sleep(1.5 * FROZEN_AFTER_S)
        assert live._queue._items.qsize() < 1100  # the rest waits in the network and at the server
        items = await until(live, messages=count - 1)
    assert seqs(items) == list(range(2, count + 1))
    assert server.requests == ["/ws"]


async def test_unanswered_subscription(server, until, fast):
    """A server that takes the connection and never answers is tried again."""

    async def mute(peer):
        await peer.stay()

    server.scripts = [mute, standing]
    async with connect(
        server.url, CHANNELS, token="t", timing=replace(fast, answer_within_s=0.4)
    ) as live:
        items = await until(live, state=State.LIVE)
    assert "not answered in 0.4 s" in items[1].detail


async def test_unreachable_server(until, fast):
    """When nothing answers in the first timeout, the iterator says so and why."""
    async with connect(
        "http://127.0.0.1:9", CHANNELS, token="t", first_timeout_s=1.5, timing=fast
    ) as live:
        with pytest.raises(Unreachable, match=r"http://127.0.0.1:9: nothing listens there"):
            await until(live, messages=1)


async def test_lost_server_is_sought_for_ever(server, until, fast):
    """The first timeout is about the first connection only."""

    async def brief(peer):
        await peer.subscribed()
        peer.socket.transport.abort()

    server.scripts = [brief]
    async with connect(server.url, CHANNELS, token="t", first_timeout_s=3, timing=fast) as live:
        await until(live, state=State.LIVE)
        server.refusals = [(503, {"Retry-After": "4"}, {})]
        await until(live, state=State.LIVE)
