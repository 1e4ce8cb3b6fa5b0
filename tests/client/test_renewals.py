"""Tokens that expire while the client is connected, and those that can't be had."""

import asyncio
from dataclasses import replace

import pytest

from rtdash.client import ConnectionRejected, NotAllowed, State, connect
from tests.client.scripts import CHANNELS, TOKEN_EXPIRING, error, seqs, standing

pytestmark = pytest.mark.anyio


async def test_token_is_renewed(server, until, fast):
    """The token callback is asked before each connect and when the token is about to expire."""
    tokens = iter(["first", "second", "third"])

    async def present():
        return next(tokens)

    async def expiring(peer):
        assert peer.headers["Authorization"] == "Bearer first"
        await peer.subscribed()
        await peer.say(TOKEN_EXPIRING)
        assert await peer.hear("authenticate") == {"action": "authenticate", "token": "second"}
        await peer.say({"status": "authenticated", "expiresAt": "2026-01-02T15:04:05.678Z"})
        await peer.socket.close(4001)

    async def renewed(peer):
        assert peer.headers["Authorization"] == "Bearer third"
        await peer.subscribed(recovered=True)
        await peer.stay()

    server.scripts = [expiring, renewed]
    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        await until(live, state=State.LIVE)
        await until(live, state=State.LIVE)


async def test_expired_token_without_another(server, until, fast):
    """A token that was given as text and has expired can't be mended by coming back with it."""

    async def expired(peer):
        await peer.socket.close(4005, "expired")

    server.scripts = [expired]
    async with connect(server.url, CHANNELS, token="t", timing=fast) as live:
        with pytest.raises(ConnectionRejected, match="token has expired"):
            await until(live, messages=1)


async def test_refused_renewal_keeps_the_connection(server, until, event, fast):
    """When the server doesn't take the new token, the one in use is still good."""

    async def expiring(peer):
        await peer.subscribed()
        await peer.say(TOKEN_EXPIRING)
        await peer.hear("authenticate")
        await peer.say(error("forbidden", "another user", to="authenticate"))
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
        await peer.say(TOKEN_EXPIRING)
        await peer.hear("authenticate")
        gone = error("forbidden", "hotel:read is gone", to="authenticate")
        await peer.say(gone | {"channels": CHANNELS})
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

    server.scripts = [standing]
    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        items = await until(live, state=State.LIVE)
    assert "no token could be had: no route" in items[1].detail


async def test_fault_of_the_token_callback_rises(server, until, fast):
    """A mistake in the application's own callback is raised, not tried again for ever."""

    def present():
        raise KeyError("vault")

    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        with pytest.raises(KeyError, match="vault"):
            await until(live, messages=1)


async def test_a_token_source_that_never_answers(server, until, fast):
    """The client gives up in the set time, says so, and asks again: `connect` does not hang."""
    asked = []

    async def present():
        asked.append(len(asked))
        if len(asked) < 3:
            await asyncio.Event().wait()
        return "t"

    server.scripts = [standing]
    timing = replace(fast, token_within_s=0.1)
    async with connect(server.url, CHANNELS, token=present, timing=timing) as live:
        items = await until(live, state=State.LIVE)
    assert len(asked) == 3
    assert "no token could be had: no answer in 0.1 s" in items[1].detail


async def test_a_renewal_that_never_answers(server, until, event, fast):
    """The connection lives on with the token it has."""

    async def present():
        if server.tokens:
            await asyncio.Event().wait()
        return "t"

    async def expiring(peer):
        await peer.subscribed()
        await peer.say(TOKEN_EXPIRING)
        await peer.say(event(1))
        await peer.stay()

    server.scripts = [expiring]
    async with connect(server.url, CHANNELS, token=present, timing=fast) as live:
        assert seqs(await until(live, messages=1)) == [1]
