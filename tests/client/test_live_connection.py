"""The client with a server that does what a test says: what is delivered, and how it comes back."""

import asyncio

import pytest

from rtdash.client import ConnectionChange, State, connect
from rtdash.protocol.channels import Position
from tests.client.scripts import CHANNELS, STREAM, error, seqs, states

pytestmark = pytest.mark.anyio


async def test_subscribes_and_is_live(server, until, event, fast):
    """After the answer the connection is live, and events come as they were sent."""

    async def script(peer):
        request = await peer.subscribed(seq=4)
        assert request == {"action": "subscribe", "channels": CHANNELS}
        assert peer.headers["Authorization"] == "Bearer secret"
        await peer.say(event(5), event(6))
        await peer.stay()

    server.scripts = [script]
    async with connect(server.url, CHANNELS, token="secret", timing=fast) as live:
        items = await until(live, messages=2)
        assert live.positions == {STREAM: Position("e1", 6)}
    assert items == [
        ConnectionChange(State.CONNECTING),
        ConnectionChange(State.LIVE),
        event(5),
        event(6),
    ]
    assert server.requests == ["/ws"]


async def test_comes_back_with_its_session_and_positions(server, until, event, fast):
    """After a break it resumes behind the last event; repeated ones are dropped; it says
    `replaying` before `live`.
    """
    resumes = []

    async def first(peer):
        await peer.subscribed()
        await peer.say(event(1), event(2))
        peer.socket.transport.abort()

    async def second(peer):
        resumes.append(await peer.subscribed(seq=1, recovered=True))
        await peer.say(event(2), event(3))
        await peer.stay()

    server.scripts = [first, second]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, messages=3)
        items += await until(live, state=State.LIVE)
        assert live.duplicates == 1
    assert resumes == [
        {
            "action": "resume",
            "session": "s1",
            "positions": {"harbour-hotel": {"hotel_reservations": {"epoch": "e1", "seq": 2}}},
        }
    ]
    assert seqs(items) == [1, 2, 3]
    assert states(items)[-2:] == [State.REPLAYING, State.LIVE]


async def test_heals_a_gap(server, until, event, fast):
    """A missing event is never skipped: the client connects again with its position."""

    async def with_gap(peer):
        await peer.subscribed()
        await peer.say(event(1), event(3))
        await peer.stay()

    async def whole(peer):
        request = await peer.subscribed(seq=1, recovered=True)
        assert request["positions"]["harbour-hotel"]["hotel_reservations"]["seq"] == 1
        await peer.say(event(2), event(3))
        await peer.stay()

    server.scripts = [with_gap, whole]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, messages=3)
    assert seqs(items) == [1, 2, 3]
    assert any(
        isinstance(item, ConnectionChange) and "missing between 1 and 3" in (item.detail or "")
        for item in items
    )


async def test_reset_is_handed_on(server, until, event, fast):
    """When history is gone the application gets the reset, and events go on from its position."""
    reset = {
        "type": "reset",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "channel": "hotel_reservations",
        "venue": "harbour-hotel",
        "position": {"epoch": "e2", "seq": 90},
        "reason": "epoch",
    }

    async def script(peer):
        request = await peer.subscribed(seq=90, recovered=False)
        assert request["positions"] == {"hotel_reservations": {"epoch": "old", "seq": 7}}
        await peer.say(reset, event(91))
        await peer.stay()

    server.scripts = [script]
    async with connect(
        server.url, CHANNELS, token="t", positions={STREAM: Position("old", 7)}, timing=fast
    ) as live:
        items = await until(live, messages=2)
        assert live.positions == {STREAM: Position("e2", 91)}
    assert [item for item in items if isinstance(item, dict)] == [reset, event(91)]


async def test_session_that_ran_out(server, until, event, fast):
    """An unknown session is replaced by a new subscription from the same positions."""

    async def first(peer):
        await peer.subscribed()
        await peer.say(event(1))
        peer.socket.transport.abort()

    async def second(peer):
        await peer.hear("resume")
        await peer.say(error("session_unknown", "it ran out", to="resume"))
        request = await peer.subscribed(seq=1, recovered=True)
        assert request["venue"] == "harbour-hotel"
        assert request["positions"] == {"hotel_reservations": {"epoch": "e1", "seq": 1}}
        await peer.say(event(2))
        await peer.stay()

    server.scripts = [first, second]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        assert seqs(await until(live, messages=2)) == [1, 2]


async def test_leaving_closes_the_connection(server, until, fast):
    """Leaving the block, also by cancellation, ends the connection in good order."""
    left = asyncio.Event()

    async def script(peer):
        await peer.subscribed()
        await peer.stay()
        assert peer.socket.close_code == 1000
        left.set()

    async def follow():
        async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
            async for item in live:
                if item == ConnectionChange(State.LIVE):
                    standing.set()

    server.scripts = [script]
    standing = asyncio.Event()
    task = asyncio.create_task(follow())
    await asyncio.wait_for(standing.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(left.wait(), 30)


async def test_junk_from_the_server(server, until, event, fast):
    """What is no message of the protocol ends that connection, not the client."""

    async def junk(peer):
        await peer.subscribed()
        await peer.socket.send("<html>")
        await peer.stay()

    async def standing(peer):
        await peer.subscribed(recovered=True)
        await peer.say(event(1))
        await peer.stay()

    server.scripts = [junk, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        assert seqs(await until(live, messages=1)) == [1]


async def test_batches_are_unpacked(server, until, event, fast):
    """A batch was asked for, and its messages come one by one."""

    async def script(peer):
        request = await peer.subscribed()
        assert request["batch"] == 50
        await peer.say({"type": "batch", "messages": [event(1), event(2)]})
        await peer.stay()

    server.scripts = [script]
    async with connect(server.url, CHANNELS, token="t", batch_ms=50, timing=fast) as live:
        items = await until(live, messages=2)
    assert items[-2:] == [event(1), event(2)]


async def test_wrong_arguments_are_told_at_once(fast):
    """An address or a channel that can't be is no reason to try anything."""
    with pytest.raises(ValueError, match="begins with http"):
        async with connect("localhost:8000", CHANNELS, token="t", timing=fast):
            pass
    with pytest.raises(ValueError, match="hotel_rooms"):
        async with connect("http://127.0.0.1:9", ["hotel_rooms"], token="t", timing=fast):
            pass


async def test_several_venues_on_one_connection(server, until, event, fast):
    """Streams of several venues share a connection and keep their own positions."""

    async def script(peer):
        assert (await peer.subscribed())["venue"] == "harbour-hotel"
        assert (await peer.subscribed(seq=3))["venue"] == "harbour-grill"
        await peer.say(event(1), event(4, "restaurant_reservations"))
        await peer.stay()

    server.scripts = [script]
    wanted = [STREAM, ("harbour-grill", "restaurant_reservations")]
    async with connect(server.url, wanted, token="t", timing=fast) as live:
        await until(live, messages=2)
        assert live.positions == {STREAM: Position("e1", 1), wanted[1]: Position("e1", 4)}
