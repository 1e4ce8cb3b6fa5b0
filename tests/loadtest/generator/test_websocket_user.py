"""The WebSocket user of the load test with a server that does what a script says: every decision is
the reconnector's, and the user carries it out.
"""

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed

from rtdash.client import Timing
from rtdash.client.addresses import socket_url
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader
from rtdash.loadtest.generator.websocket_user import FLAPS, WebSocketUser
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.client_session import ClientSession
from tests.client.conftest import FAST
from tests.client.scripted_server import Peer, Scripted, reservation_event

pytestmark = pytest.mark.anyio

CHANNEL = Channel.HOTEL_RESERVATIONS
STREAM = Stream("harbour-hotel", CHANNEL)
TIMING = replace(FAST, wake_every_s=0.01)
LIMIT_S = 20
"""A user that goes on for longer has not decided what it should have; the others take a second."""


def make_user(server: Scripted, timing: Timing = TIMING) -> WebSocketUser:
    stats = ClientStats()
    follower = Follower(
        "user",
        ClientSession([CHANNEL]),
        MessageReader("run"),
        stats,
        timing=timing,
        rng=random.Random(1),
    )
    url = socket_url(server.url)
    return WebSocketUser(follower, url, "t", stats, timing=timing)


async def run(user: WebSocketUser, server: Scripted, *scripts: Callable) -> ClientStats:
    """Run the user until the server turns it away, behind the last script."""
    server.scripts = [*scripts, turning_away]
    await run_to_its_end(user)
    return user._stats


async def run_to_its_end(user: WebSocketUser) -> None:
    """Run the user in a thread, which the test never waits for in vain: it is stopped at the limit,
    and the test fails.
    """
    raised: list[BaseException] = []

    def follow() -> None:
        try:
            user.run()
        except Stopped:
            user._disconnect()
        except BaseException as failure:  # noqa: BLE001 - raised again below
            raised.append(failure)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            while thread.is_alive():  # noqa: ASYNC110 - it is a thread
                await asyncio.sleep(0.01)
    finally:
        if thread.is_alive():
            stop(user)
    assert raised == []
    assert user.follower.is_turned_away


class Stopped(Exception):  # noqa: N818
    """Raised in the thread of a user that a test has given up."""


def stop(user: WebSocketUser) -> None:
    """End it at its next event, which the end of its connection is."""

    def raise_stopped(_event: object) -> None:
        raise Stopped

    user._handle = raise_stopped
    if (connection := user._connection) is not None:
        with suppress(OSError):
            connection._socket.shutdown(socket.SHUT_RDWR)


async def turning_away(peer: Peer) -> None:
    """Close with a code that means: never again."""
    await peer.socket.close(4505)


def saying(*seqs: int, recovered: bool | None = None) -> Callable:
    """Subscribe the client and say events, at which it leaves."""

    async def script(peer: Peer) -> None:
        await peer.subscribed(recovered=recovered)
        await peer.say(*map(reservation_event, seqs))
        await assert_leaves(peer)

    return script


async def assert_leaves(peer: Peer) -> None:
    """A client that answers a second ping has read all that was said, and stays: its Close would
    have come before that answer.
    """
    with suppress(ConnectionClosed):
        for _ in range(2):
            await (await peer.socket.ping())
        raise AssertionError("the client has stayed")


def closing(code: int, *farewell: dict) -> Callable:
    """Subscribe the client, say the farewell and close."""

    async def script(peer: Peer) -> None:
        await peer.subscribed(recovered=True)
        await peer.say(*farewell)
        await peer.socket.close(code)

    return script


async def test_comes_back_for_a_gap_from_the_position_before_it(server: Scripted):
    """And what the first connection skipped is lost for the ledger, though the second brings it."""
    user = make_user(server)

    async def filling(peer: Peer) -> None:
        request = await peer.subscribed(3, recovered=True)
        assert request["positions"]["harbour-hotel"][CHANNEL]["seq"] == 1
        await peer.say(*map(reservation_event, (2, 3)))
        await peer.socket.close(1012)

    await run(user, server, saying(1, 3), filling)
    account = user.follower.accounts[STREAM]
    assert list(account.lost(3)) == [2]
    assert (account.next_seq, account.duplicated, account.reordered) == (4, 0, 0)


async def test_what_is_under_way_when_it_leaves_is_evidence(server: Scripted):
    """An event that comes after a later one is found, although the client leaves at the gap."""
    user = make_user(server)
    await run(user, server, saying(1, 3, 2))
    account = user.follower.accounts[STREAM]
    assert (account.reordered, list(account.lost(1))) == (1, [])


async def test_waits_as_long_as_the_server_asks(server: Scripted):
    """1012 with a wait: no attempt before."""
    user = make_user(server)
    loop = asyncio.get_running_loop()
    times = []
    farewell = {
        "type": "disconnect",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "code": 1012,
        "reason": "restart",
        "reconnect": True,
        "retryAfterMs": 700,
        "jitterMs": 0,
    }

    async def restarting(peer: Peer) -> None:
        await closing(1012, farewell)(peer)
        times.append(loop.time())

    async def later(peer: Peer) -> None:
        times.append(loop.time())
        await turning_away(peer)

    stats = await run(user, server, restarting, later)
    assert times[1] - times[0] > 0.5
    assert stats.recoveries[0].cause == "close 1012"


@pytest.mark.parametrize("code", [4505, 4005], ids=["taken over", "expired"])
async def test_a_close_for_good_is_the_end(server: Scripted, code: int):
    """Also of a token that can't be renewed."""
    user = make_user(server)
    await run(user, server, closing(code))
    assert server.requests == ["/ws"]


@pytest.mark.parametrize(("status", "attempts"), [(401, 1), (503, 2)])
async def test_a_handshake_that_is_refused(server: Scripted, status: int, attempts: int):
    """For good, or for now."""
    server.refusals = [(status, {}, {"title": "no"})]
    user = make_user(server)
    stats = await run(user, server)
    assert len(server.requests) == attempts
    assert stats.connect_failures == 1
    assert str(status) in stats.examples[0]


async def test_flaps_as_often_as_asked_and_comes_back(server: Scripted):
    """Each loss is the client's own doing."""
    user = make_user(server)
    user.flap()
    stats = await run(user, server, *[saying(recovered=True)] * FLAPS)
    assert [one.cause for one in stats.recoveries[:FLAPS]] == ["flapping"] * FLAPS
    assert all(one.began_at is not None for one in stats.recoveries[:FLAPS])


async def test_closes_cleanly_when_asked(server: Scripted):
    """With 1000, and comes back."""
    user = make_user(server)
    codes = []

    async def subscribed(peer: Peer) -> None:
        await peer.subscribed()
        await peer.say(reservation_event(1))
        while not user.is_open:  # noqa: ASYNC110  # it has no event of asyncio: it is a thread
            await asyncio.sleep(0.01)
        user.close_cleanly()
        await peer.stay()
        codes.append(peer.socket.close_code)

    stats = await run(user, server, subscribed)
    assert codes == [1000]
    assert stats.recoveries[0].cause == "clean"
    assert stats.recoveries[0].began_at is not None


async def test_a_handshake_that_is_never_answered_is_given_up():
    """In the set time, though the server has accepted the connection; then it is tried again."""
    answers = [None, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"]

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = answers.pop(0)
        if answer is not None:
            writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        server = Scripted()
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        user = make_user(server, replace(TIMING, open_within_s=0.3))
        await run_to_its_end(user)
    assert answers == []
    assert user._stats.connect_failures == 2
    assert "no connection in time" in user._stats.examples[0]
