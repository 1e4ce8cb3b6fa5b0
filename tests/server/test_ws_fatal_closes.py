"""Frames behind a fatal close of the fast lane: neither parsed nor answered, and a flood of them is
cut off.
"""

import json
from typing import Any

import pytest
from websockets.frames import Frame

from rtdash.protocol.server_session import ServerSession
from rtdash.server.ws import closable_connection
from rtdash.server.ws.fast_transport import LATE_BYTES, FastTransport
from tests.server.fast_lanes import server
from tests.server.raw_client import RawClient
from tests.server.sockets import Server, anyio_backend

__all__ = ["anyio_backend", "server"]
pytestmark = pytest.mark.anyio


LATE = {"action": "subscribe", "channels": ["hotel_reservations"], "id": "late"}


def client_frame(body: bytes, *, first: int = 0x81) -> bytes:
    """A masked frame with any first byte, of at most 64 KiB."""
    return bytes((first, 0xFE)) + len(body).to_bytes(2, "big") + bytes(4) + body


@pytest.mark.parametrize(
    ("breach", "code"),
    [
        (client_frame(b"{}", first=0xF1), 1002),
        (client_frame(b'{"action":"\xff"}'), 1007),
        (client_frame(b"x" * 60_000), 1009),
    ],
    ids=["reserved-bits", "not-utf8", "too-big"],
)
async def test_nothing_is_parsed_after_a_fatal_close(
    server: Server, monkeypatch: pytest.MonkeyPatch, breach: bytes, code: int
) -> None:
    """Neither what came in the segment of the breach nor what comes later, and no frame of that."""
    said: list[str] = []
    frames: list[Frame] = []
    receive, take_frame = ServerSession.receive, FastTransport._frame

    def note_text(session: ServerSession, text: str, now: float) -> Any:
        said.append(text)
        return receive(session, text, now)

    def note_frame(transport: FastTransport, frame: Frame) -> None:
        frames.append(frame)
        take_frame(transport, frame)

    monkeypatch.setattr(ServerSession, "receive", note_text)
    monkeypatch.setattr(FastTransport, "_frame", note_frame)
    late = client_frame(json.dumps(LATE).encode())
    async with RawClient.connect(server.url(token=server.token())) as client:
        client.say(action="ping", id="before")
        assert (await client.message())["id"] == "before"
        client.writer.write(breach + late)
        told = await client.end()
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code == code
        assert [body["code"] for body in told] == [code]
        for _ in range(20):
            client.writer.write(late)
        client.writer.write_eof()
        await server.until(lambda: not server.services.connection_manager.connections)
        assert [json.loads(text)["id"] for text in said] == ["before"]
        assert b"late" not in b"".join(bytes(frame.data) for frame in frames)


async def test_a_flood_behind_a_close_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed peer that goes on sending is not waited for until its Close is overdue."""
    monkeypatch.setattr(closable_connection, "CLOSE_TIMEOUT_S", 3600.0)
    async with RawClient.connect(server.url(token=server.token())) as client:
        for _ in range(11):
            client.say(action="nonsense")
        await client.end()
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code == 4502
        client.writer.write(client_frame(b"{}" * 20) * (LATE_BYTES // 48 + 1))
        await server.until(lambda: not server.services.connection_manager.connections)
