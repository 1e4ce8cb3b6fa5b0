"""The client beside the generator, which is the asyncio client around the load test's follower."""

import asyncio
import random

import pytest

from rtdash.loadtest.generator.probe_client import ProbeClient
from rtdash.protocol.channels import Channel, Stream
from tests.client.scripted_server import Peer, Scripted, reservation_event

pytestmark = pytest.mark.anyio

CHANNEL = Channel.HOTEL_RESERVATIONS
STREAM = Stream("harbour-hotel", CHANNEL)


async def run(probe: ProbeClient, over: asyncio.Event) -> None:
    """Run the probe until that."""
    running = asyncio.create_task(probe.follow())
    async with asyncio.timeout(60):
        await over.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def make_probe(server: Scripted) -> ProbeClient:
    return ProbeClient(
        server.url, "t", (CHANNEL,), "run", heard=lambda _: None, rng=random.Random(1)
    )


async def test_comes_back_for_a_gap_and_is_current_in_the_end(server: Scripted):
    """As every client; without compression, which would cost it time."""
    probe, over = make_probe(server), asyncio.Event()

    async def skipping(peer: Peer) -> None:
        assert "Sec-WebSocket-Extensions" not in peer.headers
        await peer.subscribed()
        await peer.say(reservation_event(1), reservation_event(3))
        await peer.stay()

    async def filling(peer: Peer) -> None:
        request = await peer.subscribed(3, recovered=True)
        assert request["positions"]["harbour-hotel"][CHANNEL]["seq"] == 1
        await peer.say(reservation_event(2), reservation_event(3))
        await peer.hear("ping")
        await peer.say({"status": "pong", "timestamp": "2026-01-02T03:04:06.000Z"})
        accounts, pongs = probe.follower.accounts, probe.stats.pong_time
        while accounts[STREAM].next_seq < 4 or not pongs.count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        over.set()
        await peer.stay()

    server.scripts = [skipping, filling]
    await run(probe, over)
    account = probe.follower.accounts[STREAM]
    assert (list(account.lost(3)), account.duplicated) == ([2], 0)
    assert probe.follower.is_current_at_end
    assert not probe.follower.is_turned_away


async def test_ends_where_the_server_refuses_for_good(server: Scripted):
    """Without an error: the verdict counts a client that is not there in the end."""

    async def refusing(peer: Peer) -> None:
        await peer.socket.close(4501)

    server.scripts = [refusing]
    probe = make_probe(server)
    async with asyncio.timeout(60):
        await probe.follow()
    assert probe.follower.is_turned_away
    assert not probe.follower.is_current_at_end
