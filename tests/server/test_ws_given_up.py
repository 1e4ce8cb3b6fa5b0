"""What the server has given up costs its user nothing, and what is not followed needs no store."""

import asyncio
from pathlib import Path

import pytest

from rtdash.store.database import StoreUnavailable
from tests.server.raw_client import RawClient
from tests.server.sockets import HOTEL, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio


async def test_the_place_of_a_closed_connection_is_free_at_once(tmp_path: Path, lane: str) -> None:
    """Half-open ones, whose peer never answers the Close, keep no other connection out."""
    with serving(tmp_path, lane, connections_per_user=1, idle_timeout_s=0) as server:
        async with RawClient.connect(server.url(token=server.token())) as silent:

            async def close_all() -> None:
                manager = server.services.connection_manager
                for connection in tuple(manager.connections):
                    connection.close(4004, "closed by the test")

            await server.call(close_all)
            async with server.client() as client:
                assert (await client.ask(action="ping"))["status"] == "pong"
            assert await silent.end()


async def test_unsubscribe_needs_no_store(
    tmp_path: Path, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unsubscribe is answered while the store is away, and its row is written when that is
    back.
    """
    with serving(tmp_path, lane) as server:
        async with server.client() as client:
            await client.subscribe("hotel_reservations", "hotel_notifications")
            writer = server.services.connection_manager.sessions.writer
            database = writer._database
            write = database.write

            async def fail(_: object) -> None:
                raise StoreUnavailable("away for the test", reason="locked")

            monkeypatch.setattr(database, "write", fail)
            answer = await client.ask(action="unsubscribe", channels=["hotel_notifications"])
            assert answer["status"] == "unsubscribed"
            monkeypatch.setattr(database, "write", write)
            manager = server.services.connection_manager
            session = next(iter(manager.connections)).action_handler.session
            await server.until(lambda: session.is_settled)
        async with asyncio.timeout(30):
            async with server.client(session=session.id) as again:
                resumed = await again.until(lambda body: body.get("status") == "resumed")
                assert resumed["venue"] == HOTEL
                assert resumed["channels"] == ["hotel_reservations"]


async def test_text_that_is_not_utf8_is_no_fault_of_the_servers(
    tmp_path: Path, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    """1007, and no traceback in the log."""
    with serving(tmp_path, lane) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.protocol.send_text(b"\xff\xfe")
            client.flush()
            await client.end()
            assert client.protocol.close_rcvd is not None
            assert client.protocol.close_rcvd.code == 1007
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_refused_handshake_ends_within_a_second(tmp_path: Path, lane: str) -> None:
    """A peer that doesn't answer the Close holds no socket for longer."""
    with serving(tmp_path, lane) as server:
        async with RawClient.connect(server.url(token="nonsense")) as refused:
            await refused.end()
            assert refused.protocol.close_rcvd is not None
            assert refused.protocol.close_rcvd.code == 4500
            async with asyncio.timeout(9):  # the next bound is ten
                await refused.reader.read()
