"""When a server sends the client away: closes, disconnects and refusals, each for a while or for
good.
"""

import pytest

from rtdash.client import ConnectionRejected, NotAllowed, State, connect
from tests.client.scripts import CHANNELS, error, standing, standing_again, states

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("code", [4001, 4002, 4003, 4005, 4007, 1001, 1011, 1012])
async def test_comes_back_after_close(server, until, fast, code):
    """Every code below 4500 but 1009 means: come back."""

    async def closing(peer):
        await peer.subscribed()
        await peer.socket.close(code, "for a test")

    server.scripts = [closing, standing_again]
    async with connect(server.url, CHANNELS, token=lambda: "t", timing=fast) as live:
        await until(live, state=State.LIVE)
        items = await until(live, state=State.LIVE)
    assert any(
        "for a test" in (item.detail or "") and item.retry_in_s is not None for item in items
    )


@pytest.mark.parametrize("code", [4500, 4501, 4502, 4504, 4505, 4999, 1009])
async def test_stays_away_after_close(server, until, fast, code):
    """After 4500 to 4999 and 1009 the iterator says `closed` and raises with the server's reason;
    nothing is tried again.
    """

    async def closing(peer):
        await peer.socket.close(code, "not you")

    server.scripts = [closing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.CLOSED)
        with pytest.raises(ConnectionRejected, match=f"not you.*{code}"):
            await anext(live)
        with pytest.raises(ConnectionRejected):
            await anext(live)
    assert states(items) == [State.CONNECTING, State.CLOSED]
    assert server.requests == ["/ws"]


@pytest.mark.parametrize("code", [1012, 4004, 4007])
async def test_disconnect_says_when_to_return(server, until, fast, code):
    """`retryAfterMs` and a random share of `jitterMs` are waited for, and shown."""

    async def draining(peer):
        await peer.subscribed()
        await peer.say(
            {
                "type": "disconnect",
                "code": code,
                "reason": "restart",
                "reconnect": True,
                "retryAfterMs": 200,
                "jitterMs": 100,
            }
        )
        await peer.socket.close(code)

    server.scripts = [draining, standing_again]
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
        await peer.say(
            {
                "type": "disconnect",
                "code": 4504,
                "reason": "revoked",
                "reconnect": False,
                "retryAfterMs": 0,
                "jitterMs": 0,
            }
        )
        peer.socket.transport.close()

    server.scripts = [revoking]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(ConnectionRejected, match="revoked"):
            await until(live, messages=1)


async def test_overloaded_server_says_when(server, until, fast):
    """HTTP 503 is waited out for its Retry-After."""
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
        await peer.say(error("forbidden", "no hotel:read", to="subscribe") | {"channels": CHANNELS})
        await peer.stay()

    server.scripts = [script]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(NotAllowed, match="no hotel:read"):
            await until(live, messages=1)


async def test_unavailable_store_is_waited_for(server, until, fast):
    """A temporary refusal is tried again, after the time that it names."""

    async def unavailable(peer):
        await peer.hear("subscribe")
        await peer.say(
            error("unavailable", "no store", to="subscribe", temporary=True) | {"retryAfterMs": 150}
        )
        await peer.stay()

    server.scripts = [unavailable, standing]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert items[1].detail == "no store"
    assert items[1].retry_in_s >= 0.15
