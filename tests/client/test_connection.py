"""The client over a server that does what a test tells it."""

import asyncio

import pytest

from rtdash.client import ConnectionChange, NotAllowed, State, TurnedAway, Unreachable, connect
from rtdash.protocol.channels import Position

pytestmark = pytest.mark.anyio

CHANNELS = ["hotel_reservations"]
STREAM = ("harbour-hotel", "hotel_reservations")


def seqs(items):
    return [item["seq"] for item in items if isinstance(item, dict) and "seq" in item]


def states(items):
    return [item.state for item in items if isinstance(item, ConnectionChange)]


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
    assert items == [ConnectionChange(State.CONNECTING), ConnectionChange(State.LIVE), event(5), event(6)]
    assert server.requests == ["/ws"]


async def test_comes_back_with_its_session_and_positions(server, until, event, fast):
    """After a break it resumes behind the last event; repeated ones are dropped; it says `replaying` before `live`."""
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
        {"action": "resume", "session": "s1", "positions": {"harbour-hotel": {"hotel_reservations": {"epoch": "e1", "seq": 2}}}}
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
    assert any(isinstance(item, ConnectionChange) and "missing between 1 and 3" in (item.detail or "") for item in items)


async def test_reset_is_handed_on(server, until, event, fast):
    """When history is gone the application is told, and events go on from the reset's position."""
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
    async with connect(server.url, CHANNELS, token="t", positions={STREAM: Position("old", 7)}, timing=fast) as live:
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
        await peer.say({"status": "error", "code": "session_unknown", "message": "it ran out", "action": "resume", "temporary": False})
        request = await peer.subscribed(seq=1, recovered=True)
        assert request["venue"] == "harbour-hotel"
        assert request["positions"] == {"hotel_reservations": {"epoch": "e1", "seq": 1}}
        await peer.say(event(2))
        await peer.stay()

    server.scripts = [first, second]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        assert seqs(await until(live, messages=2)) == [1, 2]


@pytest.mark.parametrize("code", [4001, 4002, 4003, 4005, 4007, 1001, 1011, 1012])
async def test_comes_back_after_close(server, until, fast, code):
    """Every code below 4500 but 1009 means: come back."""

    async def closing(peer):
        await peer.subscribed()
        await peer.socket.close(code, "for a test")

    async def standing(peer):
        await peer.subscribed(recovered=True)
        await peer.stay()

    server.scripts = [closing, standing]
    async with connect(server.url, CHANNELS, token=lambda: "t", timing=fast) as live:
        await until(live, state=State.LIVE)
        items = await until(live, state=State.LIVE)
    assert any("for a test" in (item.detail or "") and item.retry_in_s is not None for item in items)


@pytest.mark.parametrize("code", [4500, 4501, 4502, 4504, 4505, 4999, 1009])
async def test_stays_away_after_close(server, until, fast, code):
    """After 4500 to 4999 and 1009 the iterator says `closed` and raises with the server's reason; nothing is tried again."""

    async def closing(peer):
        await peer.socket.close(code, "not you")

    server.scripts = [closing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.CLOSED)
        with pytest.raises(TurnedAway, match=f"not you.*{code}"):
            await anext(live)
        with pytest.raises(TurnedAway):
            await anext(live)
    assert states(items) == [State.CONNECTING, State.CLOSED]
    assert server.requests == ["/ws"]


@pytest.mark.parametrize("code", [1012, 4004, 4007])
async def test_disconnect_says_when_to_return(server, until, fast, code):
    """`retryAfterMs` and a random share of `jitterMs` are waited for, and told."""

    async def draining(peer):
        await peer.subscribed()
        await peer.say({"type": "disconnect", "code": code, "reason": "restart", "reconnect": True, "retryAfterMs": 200, "jitterMs": 100})
        await peer.socket.close(code)

    async def standing(peer):
        await peer.subscribed(recovered=True)
        await peer.stay()

    server.scripts = [draining, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        await until(live, state=State.LIVE)
        waiting = (await until(live, state=State.CONNECTING))[-1]
        await until(live, state=State.LIVE)
    assert waiting.detail == "restart"
    assert 0.2 <= waiting.retry_in_s <= 0.3


async def test_disconnect_for_good(server, until, fast):
    """`reconnect: false` is final, whatever the close that follows it looks like."""

    async def revoking(peer):
        await peer.subscribed()
        await peer.say({"type": "disconnect", "code": 4504, "reason": "revoked", "reconnect": False, "retryAfterMs": 0, "jitterMs": 0})
        peer.socket.transport.close()

    server.scripts = [revoking]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(TurnedAway, match="revoked"):
            await until(live, messages=1)


async def test_notices_a_frozen_server(server, until, fast):
    """A server that answers nothing, not even pings, is given up in the set time."""
    over = asyncio.Event()

    async def frozen(peer):
        await peer.subscribed()
        peer.socket.transport.pause_reading()
        await over.wait()
        peer.socket.transport.abort()

    async def standing(peer):
        await peer.subscribed(recovered=True)
        await peer.stay()

    server.scripts = [frozen, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
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
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        await until(live, state=State.LIVE)
        asyncio.get_running_loop().call_later(3 * fast.frozen_after_s, heard.set)
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
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        await until(live, messages=1)
        await asyncio.sleep(3 * fast.frozen_after_s)
        assert live._inbox._items.qsize() < 1100  # the rest waits in the network and at the server
        items = await until(live, messages=count - 1)
    assert seqs(items) == list(range(2, count + 1))
    assert server.requests == ["/ws"]


async def test_unanswered_subscription(server, until, fast):
    """A server that takes the connection and never answers is tried again."""

    async def mute(peer):
        await peer.stay()

    async def standing(peer):
        await peer.subscribed()
        await peer.stay()

    server.scripts = [mute, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert "not answered in 0.4 s" in items[1].detail


async def test_overloaded_server_says_when(server, until, fast):
    """HTTP 503 is waited out for its Retry-After."""

    async def standing(peer):
        await peer.subscribed()
        await peer.stay()

    server.scripts = [standing]
    server.refusals = [(503, {"Retry-After": "1"}, {"title": "too many connections"})]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert 1 <= items[1].retry_in_s < 1.1
    assert "too many connections" in items[1].detail


@pytest.mark.parametrize("status", [401, 403])
async def test_http_refusal_is_final(server, until, fast, status):
    """HTTP 401 and 403 can't be mended by trying again."""
    server.refusals = [(status, {}, {"title": "wrong origin"})]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(NotAllowed, match="wrong origin"):
            await until(live, messages=1)


async def test_forbidden_channel(server, until, fast):
    """A subscribe that is refused for good ends the client with the server's words."""

    async def script(peer):
        await peer.hear("subscribe")
        refusal = {"status": "error", "code": "forbidden", "message": "no hotel:read", "action": "subscribe", "temporary": False}
        await peer.say(refusal | {"channels": CHANNELS})
        await peer.stay()

    server.scripts = [script]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(NotAllowed, match="no hotel:read"):
            await until(live, messages=1)


async def test_unavailable_store_is_waited_for(server, until, fast):
    """A temporary refusal is tried again, after the time that it names."""

    async def unavailable(peer):
        await peer.hear("subscribe")
        refusal = {"status": "error", "code": "unavailable", "message": "no store", "action": "subscribe", "temporary": True}
        await peer.say(refusal | {"retryAfterMs": 150})
        await peer.stay()

    async def standing(peer):
        await peer.subscribed()
        await peer.stay()

    server.scripts = [unavailable, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert items[1].detail == "no store"
    assert items[1].retry_in_s >= 0.15


async def test_token_is_renewed(server, until, fast):
    """The token callback is asked before each connect and when the token is about to expire."""
    tokens = iter(["first", "second", "third"])

    async def present():
        return next(tokens)

    async def expiring(peer):
        assert peer.headers["Authorization"] == "Bearer first"
        await peer.subscribed()
        await peer.say({"type": "token_expiring", "timestamp": "2026-01-02T03:04:05.678Z", "expiresAt": "2026-01-02T03:04:35.678Z"})
        assert await peer.hear("authenticate") == {"action": "authenticate", "token": "second"}
        await peer.say({"status": "authenticated", "expiresAt": "2026-01-02T15:04:05.678Z"})
        await peer.socket.close(4001)

    async def standing(peer):
        assert peer.headers["Authorization"] == "Bearer third"
        await peer.subscribed(recovered=True)
        await peer.stay()

    server.scripts = [expiring, standing]
    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        await until(live, state=State.LIVE)
        await until(live, state=State.LIVE)


async def test_expired_token_without_another(server, until, fast):
    """A token that was given as text and has expired can't be mended by coming back with it."""

    async def expired(peer):
        await peer.socket.close(4005, "expired")

    server.scripts = [expired]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(TurnedAway, match="token has expired"):
            await until(live, messages=1)


async def test_unreachable_server(until, fast):
    """When nothing answers in the first timeout, the iterator says so and why."""
    async with connect("http://127.0.0.1:9", CHANNELS, token="t", first_timeout_s=0.2, timing=fast) as live:
        with pytest.raises(Unreachable, match=r"http://127.0.0.1:9: nothing listens there"):
            await until(live, messages=1)


async def test_lost_server_is_sought_for_ever(server, until, fast):
    """The first timeout is about the first connection only."""

    async def brief(peer):
        await peer.subscribed()
        peer.socket.transport.abort()

    server.scripts = [brief]
    async with connect(server.url, CHANNELS, token="t", first_timeout_s=0.3, timing=fast) as live:
        await until(live, state=State.LIVE)
        server.refusals = [(503, {"Retry-After": "1"}, {})]
        await until(live, state=State.LIVE)


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
    await asyncio.wait_for(standing.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(left.wait(), 5)


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


async def test_refused_renewal_keeps_the_connection(server, until, event, fast):
    """When the server doesn't take the new token, the one in use is still good."""

    async def expiring(peer):
        await peer.subscribed()
        await peer.say({"type": "token_expiring", "timestamp": "2026-01-02T03:04:05.678Z", "expiresAt": "2026-01-02T03:04:35.678Z"})
        await peer.hear("authenticate")
        await peer.say({"status": "error", "code": "forbidden", "message": "another user", "action": "authenticate", "temporary": False})
        await peer.say(event(1))
        await peer.stay()

    server.scripts = [expiring]
    async with connect(server.url, CHANNELS, token=lambda: "t", timing=fast) as live:
        assert seqs(await until(live, messages=1)) == [1]
    assert server.requests == ["/ws"]


async def test_renewal_that_takes_a_channel_away(server, until, fast):
    """A subscription that the new token no longer allows is an end, not a silence."""

    async def expiring(peer):
        await peer.subscribed()
        await peer.say({"type": "token_expiring", "timestamp": "2026-01-02T03:04:05.678Z", "expiresAt": "2026-01-02T03:04:35.678Z"})
        await peer.hear("authenticate")
        refusal = {"status": "error", "code": "forbidden", "message": "hotel:read is gone", "action": "authenticate", "temporary": False}
        await peer.say(refusal | {"channels": CHANNELS})
        await peer.stay()

    server.scripts = [expiring]
    async with connect(server.url, CHANNELS, token=lambda: "t", timing=fast) as live:
        with pytest.raises(NotAllowed, match="hotel:read is gone"):
            await until(live, messages=1)


async def test_token_that_cannot_be_had_now(server, until, fast):
    """A token service that is down is tried again like a server that is down."""
    answers = iter([OSError("no route"), "t"])

    def present():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def standing(peer):
        await peer.subscribed()
        await peer.stay()

    server.scripts = [standing]
    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert "no token could be had: no route" in items[1].detail


async def test_fault_of_the_token_callback_rises(server, until, fast):
    """A mistake in the application's own callback is told, not tried again for ever."""

    def present():
        raise KeyError("vault")

    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        with pytest.raises(KeyError, match="vault"):
            await until(live, messages=1)


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
