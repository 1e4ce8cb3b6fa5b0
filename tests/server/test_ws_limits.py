"""What one client may take: every limit bites over a real socket, and with dry_run none does. On
both lanes.
"""

import asyncio
import socket
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rtdash.domain.instants import utc_now
from rtdash.store import leases
from tests.server.raw_client import RawClient
from tests.server.sockets import Client, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio


async def test_eleven_errors_close_as_a_violation(tmp_path: Path, lane: str) -> None:
    """Ten errors within a minute are answered; the eleventh is, too, and closes with 4502, for
    good.
    """
    with serving(tmp_path, lane, messages_per_second=0) as server:
        async with server.client() as client:
            for _ in range(11):
                await client.send("{")
            codes = [(await client.receive())["code"] for _ in range(11)]
            said, closed = await client.farewell()
    assert (codes, closed) == (["bad_json"] * 11, 4502)
    assert said is not None
    assert said["reconnect"] is False


async def test_too_many_messages_close_as_rate_limited(tmp_path: Path, lane: str) -> None:
    """Messages over the rate are ignored, with an error; the eleventh closes with 4004: come back."""
    with serving(tmp_path, lane, messages_per_second=1, messages_burst=3) as server:
        async with server.client() as client:
            began = time.monotonic()
            granted, refused = [await client.ask(action="ping") for _ in range(3)], []
            while len(refused) < 11:
                answer = await client.ask(action="ping")
                (granted if answer["status"] == "pong" else refused).append(answer)
                assert len(granted) <= 3 + time.monotonic() - began
            said, closed = await client.farewell()
        assert [answer["status"] for answer in granted[:3]] == ["pong"] * 3
        assert {answer["code"] for answer in refused} == {"rate_limited"}
        assert all(answer["retryAfterMs"] > 0 and answer["temporary"] for answer in refused)
        assert (closed, said and (said["reconnect"], said["retryAfterMs"])) == (4004, (True, 5000))
        assert server.refusals("messages_per_second") == 11


async def test_a_user_has_so_many_places(tmp_path: Path, lane: str) -> None:
    """One connection too many is accepted and closed with 4007; other users, and the same one
    later, come in.
    """
    with serving(tmp_path, lane, connections_per_user=2) as server:
        async with server.client() as first, server.client():
            async with server.client() as third:
                said, closed = await third.farewell()
            assert (closed, said and (said["reconnect"], said["retryAfterMs"])) == (
                4007,
                (True, 15_000),
            )
            async with server.client(token=server.token("bob")) as other:
                assert (await other.ask(action="ping"))["status"] == "pong"
            await first.websocket.close()
            async with server.client() as again:
                assert (await again.ask(action="ping"))["status"] == "pong"
        assert server.refusals("connections_per_user") == 1


async def test_a_resume_takes_over_the_place_as_well(tmp_path: Path, lane: str) -> None:
    """With all places taken, a client comes back to its session: the place of the older connection
    passes on.
    """
    with serving(tmp_path, lane, connections_per_user=1) as server:
        async with server.client() as older:
            session = (await older.subscribe("hotel_reservations"))["session"]
            async with server.client(session=session) as newer:
                assert (await newer.receive())["status"] == "resumed"
                assert (await older.farewell())[1] == 4505


async def test_a_full_server_answers_503(tmp_path: Path, lane: str) -> None:
    """Above max_connections a handshake is HTTP 503 with Retry-After; nothing is accepted."""
    with serving(tmp_path, lane, max_connections=1) as server:
        async with server.client():
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url(token=server.token()), proxy=None)
            assert refused.value.response.status_code == 503
            assert int(refused.value.response.headers["Retry-After"]) >= 1


async def test_handshakes_are_paced_by_address(tmp_path: Path, lane: str) -> None:
    """Above the rate a handshake is HTTP 503, whatever its token."""
    with serving(tmp_path, lane, handshakes_per_minute=1, handshakes_burst=2) as server:
        for _ in range(2):
            async with server.client():
                pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url(token=server.token("bob")), proxy=None)
        assert refused.value.response.status_code == 503
        assert 1 <= int(refused.value.response.headers["Retry-After"]) <= 60


async def test_channels_are_counted(tmp_path: Path, lane: str) -> None:
    """One channel too many refuses the subscribe and changes nothing."""
    with serving(tmp_path, lane, channels_per_connection=2) as server:
        async with server.client() as client:
            refused = await client.ask(
                action="subscribe",
                channels=["hotel_stats", "hotel_reservations", "hotel_notifications"],
            )
            assert (refused["code"], refused["temporary"]) == ("too_many_channels", False)
            await client.subscribe("hotel_reservations", "hotel_notifications")
            await client.subscribe("hotel_reservations")


async def test_a_dry_run_only_counts(tmp_path: Path, lane: str) -> None:
    """With limits_dry_run nothing is refused, and everything that would have been is counted."""
    limits = {
        "channels_per_connection": 1,
        "messages_per_second": 1,
        "messages_burst": 1,
        "connections_per_user": 1,
        "max_connections": 1,
    }
    with serving(
        tmp_path, lane, limits_dry_run=True, handshakes_per_minute=1, handshakes_burst=1, **limits
    ) as server:
        async with server.client(), server.client() as client:
            await client.subscribe("hotel_reservations", "hotel_notifications")
            for _ in range(3):  # together: the rate gives one a second
                await client.send({"action": "ping"})
            assert [(await client.receive())["status"] for _ in range(3)] == ["pong"] * 3
        for limit in (*limits.keys() - {"messages_burst"}, "handshakes_per_minute"):
            assert server.refusals(limit) >= 1, limit


async def test_a_message_too_big_closes(tmp_path: Path, lane: str) -> None:
    """Above message_limit_bytes: 1009."""
    with serving(tmp_path, lane, message_limit_bytes=1000) as server:
        async with server.client() as client:
            await client.send({"action": "ping", "id": "x" * 200})
            assert (await client.receive())["status"] == "pong"
            await client.send("x" * 1001)
            assert (await client.farewell())[1] == 1009


async def test_text_that_is_not_utf8_closes(tmp_path: Path, lane: str) -> None:
    """Invalid UTF-8 in a text frame: 1007 (RFC 6455 section 8.1)."""
    with serving(tmp_path, lane) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.protocol.send_text(b"\xff\xfe")
            client.flush()
            await client.end()
            assert client.protocol.close_rcvd is not None
            assert client.protocol.close_rcvd.code == 1007


async def test_what_cant_be_stored_is_unavailable(tmp_path: Path, lane: str) -> None:
    """Without its store the server refuses a subscribe for the moment, and keeps the connection."""
    with serving(tmp_path, lane) as server:
        async with server.client() as client:
            await server.call(server.services.database.close)
            refused = await client.ask(action="subscribe", channels=["hotel_reservations"])
            assert (refused["code"], refused["temporary"]) == ("unavailable", True)
            assert refused["retryAfterMs"] > 0
            assert (await Client(client.websocket).ask(action="ping"))["status"] == "pong"


async def test_places_are_counted_over_all_processes(tmp_path: Path, lane: str) -> None:
    """Connections of the user in another process take places here; of too many the newest is closed
    with 4007.
    """
    with serving(tmp_path, lane, connections_per_user=3) as server:
        database, connection_manager = server.services.database, server.services.connection_manager

        async def beat() -> None:
            connection_manager.enforce(
                await connection_manager.sessions.beat(connection_manager.connection_limits.by_user)
            )

        long_ago = utc_now() - timedelta(seconds=5)
        async with server.client() as first, server.client() as second:
            assert (
                (await first.ask(action="ping"))["status"]
                == (await second.ask(action="ping"))["status"]
                == "pong"
            )
            await server.call(
                lambda: database.write(
                    lambda connection: leases.beat(connection, "another", {"ann": 2}, now=long_ago)
                )
            )
            await server.call(beat)
            assert (await second.farewell())[1] == 4007
            assert (await first.ask(action="ping"))["status"] == "pong"
            async with server.client() as third:
                assert (await third.farewell())[1] == 4007


async def test_a_key_set_that_doesnt_answer_is_overload(tmp_path: Path, lane: str) -> None:
    """A token that can't be checked within handshake_timeout: 4006, come back later."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/keys"
        with serving(tmp_path, lane, settings={"jwks_url": url}, handshake_timeout_s=1) as server:
            token = jwt.encode(
                {"sub": "ann", "exp": 4e9}, Ed25519PrivateKey.generate(), algorithm="EdDSA"
            )
            async with server.client(token=token) as client:
                said, code = await client.farewell()
            assert (code, said and (said["reconnect"], said["retryAfterMs"])) == (
                4006,
                (True, 5000),
            )


async def test_a_head_that_never_ends_holds_no_socket(tmp_path: Path, lane: str) -> None:
    """Half a request, or none, is dropped after handshake_timeout."""
    with serving(tmp_path, lane, handshake_timeout_s=0.3) as server:
        for sent in (b"", b"GET /ws HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 9) == b""
            writer.close()
        async with server.client() as client:
            await asyncio.sleep(0.5)
            assert (await client.ask(action="ping"))["status"] == "pong"
