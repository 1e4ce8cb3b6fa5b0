"""How connections end: silence, idleness, tokens, drain. Each over a real socket, announced by
`disconnect` and by its close code.
"""

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode

from rtdash.protocol.channels import Channel, Stream
from tests.server.raw_client import RawClient
from tests.server.sockets import GRILL, HOTEL, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

LEEWAY_S = 10
"""`jwt_leeway_s` as it is by default."""


async def test_a_silent_peer_is_given_up(tmp_path: Path) -> None:
    """No frame within pong_timeout of a ping: 4002, and the connection is freed. (Plain ASGI shows
    no pongs: there the server does it.)
    """
    with serving(tmp_path, "fast", ping_interval_s=0.3, pong_timeout_s=0.3) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.say(action="subscribe", channels=["hotel_reservations"])
            ended = await client.end()
            assert (ended[-1]["type"], ended[-1]["code"], ended[-1]["reconnect"]) == (
                "disconnect",
                4002,
                True,
            )
            assert await gone(server)


async def test_any_frame_keeps_a_peer_alive(tmp_path: Path) -> None:
    """A peer that answers pings, or sends anything at all, stays."""
    with serving(
        tmp_path, "fast", ping_interval_s=0.2, pong_timeout_s=1.5, messages_per_second=0
    ) as server:
        async with (
            server.client() as answering,
            RawClient.connect(server.url(token=server.token())) as client,
        ):
            client.say(action="subscribe", channels=["hotel_reservations"])
            for _ in range(24):
                client.say(action="ping")
                await asyncio.sleep(0.1)
            client.say(action="ping", id="still here")
            while (await client.message()).get("id") != "still here":
                pass
            await answering.subscribe("hotel_reservations")


async def test_who_follows_nothing_is_sent_away(tmp_path: Path, lane: str) -> None:
    """Nothing subscribed within idle_timeout: 4003; also after the last unsubscribe."""
    with serving(tmp_path, lane, idle_timeout_s=2) as server:
        async with server.client() as idle, server.client() as busy:
            await busy.subscribe("hotel_reservations")
            said, code = await idle.farewell()
            assert (code, said and said["reconnect"]) == (4003, True)
            assert (await busy.ask(action="ping"))["status"] == "pong"
            await busy.ask(action="unsubscribe", channels=["hotel_reservations"])
            assert (await busy.farewell())[1] == 4003


async def test_a_token_ends(edge: Server) -> None:
    """30 s before the end token_expiring comes, at the end of the leeway 4005; a client that
    authenticates in time stays.
    """
    async with (
        edge.client(token=edge.token(ttl_s=3 - LEEWAY_S)) as client,
        edge.client(token=edge.token(ttl_s=3 - LEEWAY_S)) as renewing,
    ):
        warned = await client.receive()
        assert list(warned) == ["type", "timestamp", "expiresAt"]
        assert warned["type"] == "token_expiring"
        assert (await renewing.ask(action="authenticate", token=edge.token()))[
            "status"
        ] == "authenticated"
        said, code = await client.farewell()
        assert (code, said and said["reconnect"]) == (4005, True)
        assert (await renewing.ask(action="ping"))["status"] == "pong"


async def test_a_revoked_user_is_sent_away(edge: Server) -> None:
    """Revocation closes open connections with 4504 and refuses new ones; others stay."""
    token = edge.token("mallory")
    async with edge.client(token=token) as client, edge.client() as other:
        await client.subscribe("hotel_reservations")
        await edge.call(lambda: edge.services.revocations.revoke(sub="mallory"))
        said, code = await client.farewell()
        assert (code, said and said["reconnect"]) == (4504, False)
        assert (await other.ask(action="ping"))["status"] == "pong"
    async with edge.client(token=token) as again:
        assert (await again.farewell())[1] == 4504


async def test_a_drain_sends_everybody_home(tmp_path: Path, lane: str) -> None:
    """Each gets disconnect and 1012, spread over the window, with the time after which to come
    back, once the restart is over; no new client gets in.
    """
    with serving(tmp_path, lane, drain_window_s=0.6, restart_allowance_s=2) as server:
        async with server.client() as one, server.client() as two, server.client() as three:
            loop = asyncio.get_running_loop()
            start = loop.time()
            draining = asyncio.ensure_future(server.call(server.services.connection_manager.drain))
            told = []
            for place, done in enumerate(
                asyncio.as_completed([client.farewell() for client in (one, two, three)])
            ):
                said, code = await done
                passed_ms = (loop.time() - start) * 1000
                assert passed_ms >= 200 * place - 50
                assert code == 1012
                assert said is not None
                assert (said["code"], said["reconnect"]) == (1012, True)
                assert said["retryAfterMs"] + passed_ms >= 600 + 2000 - 50
                assert said["jitterMs"] > 0
                told.append(said["retryAfterMs"])
            assert max(told) - min(told) > 300
            for place, retry_after_ms in enumerate(sorted(told, reverse=True)):
                assert retry_after_ms <= 600 + 2000 - 200 * place + 50
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url(token=server.token()), proxy=None)
            assert refused.value.response.status_code == 503
            await draining


async def test_the_clients_own_close_is_answered(edge: Server) -> None:
    """The Close of a client is answered with the same code, the client leaves the hub at once, and
    nothing of it remains.
    """
    async with edge.client() as client:
        await client.subscribe("hotel_reservations")
        await client.websocket.close(1000)
        assert client.websocket.close_code == 1000
    assert await gone(edge)


async def test_an_aborted_connection_is_forgotten(edge: Server) -> None:
    """A reset connection leaves the hub and the counts."""
    async with edge.client() as client:
        await client.subscribe("hotel_reservations")
        client.websocket.transport.abort()
    assert await gone(edge)


async def test_a_half_closed_connection_is_freed(edge: Server) -> None:
    """FIN without a Close frame ends the connection."""
    async with RawClient.connect(edge.url(token=edge.token())) as client:
        client.say(action="subscribe", channels=["hotel_reservations"])
        await client.frame(Opcode.TEXT)
        client.writer.write_eof()
        assert await gone(edge)


async def gone(server: Server, left: int = 0) -> bool:
    """Wait until connections, users and subscriptions are down to what they were."""
    connection_manager, hub = server.services.connection_manager, server.services.hub
    await server.until(
        lambda: (
            len(connection_manager.connections)
            == connection_manager.connection_limits.by_user.total()
            == left
        )
    )
    return bool(left) or not any(
        hub.has_members(Stream(venue, channel)) for venue in (HOTEL, GRILL) for channel in Channel
    )
