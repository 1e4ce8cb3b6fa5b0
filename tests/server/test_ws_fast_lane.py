"""What only the fast lane can do: shared compression, pings and fragments that count, and little
memory a connection. On both loops.
"""

import asyncio
import json
import ssl
import zlib
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from tests.certificates import certificate
from tests.server.fast_lanes import server
from tests.server.raw_client import RawClient
from tests.server.sockets import Client, Server, anyio_backend, serving

__all__ = ["anyio_backend", "certificate", "server"]
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ({}, "permessage-deflate; server_max_window_bits=12; client_no_context_takeover"),
        (
            {"server_max_window_bits": 12},
            "permessage-deflate; server_max_window_bits=12; client_no_context_takeover",
        ),
        ({"server_max_window_bits": 11}, None),
        ({"server_no_context_takeover": True}, None),
        (
            {"client_max_window_bits": 10, "client_no_context_takeover": True},
            "permessage-deflate; server_max_window_bits=12; client_no_context_takeover",
        ),
    ],
)
async def test_offers_that_can_read_shared_frames_are_taken(
    server: Server, offer: dict[str, Any], answer: str | None
) -> None:
    """A window of at least 12 bits that is kept from message to message; others are declined, and
    served plainly.
    """
    factory = ClientPerMessageDeflateFactory(**offer)
    async with connect(
        server.url(token=server.token()), proxy=None, compression=None, extensions=[factory]
    ) as websocket:
        assert websocket.response is not None
        assert websocket.response.headers.get("Sec-WebSocket-Extensions") == answer
        client = Client(websocket)
        head = (await client.subscribe("restaurant_reservations"))["positions"][
            "restaurant_reservations"
        ]["seq"]
        await server.book(40)
        await server.book(1)
        assert await client.events(41) == list(range(head + 1, head + 42))


async def test_shared_frames_are_smaller(server: Server) -> None:
    """A burst of events takes a fraction of its bytes for clients that agreed to compression."""
    sizes = []
    for offers in ([], [ClientPerMessageDeflateFactory()]):
        async with RawClient.connect(server.url(token=server.token()), offers=offers) as client:
            client.say(action="subscribe", channels=["restaurant_reservations"])
            await client.frame(Opcode.TEXT)
            sizes.append(await _bytes_of_burst(server, client))
    assert sizes[1] < 0.3 * sizes[0]


async def _bytes_of_burst(server: Server, client: RawClient) -> int:
    await server.book(100)
    size = events = 0
    while events < 100:
        data = await client.reader.read(65536)
        size += len(data)
        client.protocol.receive_data(data)
        events += sum(
            isinstance(event, Frame) and event.opcode is Opcode.TEXT
            for event in client.protocol.events_received()
        )
    return size


async def test_a_bomb_is_not_inflated(server: Server) -> None:
    """A small compressed frame that would inflate above message_limit_bytes: 1009, announced by
    `disconnect`.
    """
    async with RawClient.connect(
        server.url(token=server.token()), offers=[ClientPerMessageDeflateFactory()]
    ) as client:
        run = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = run.compress(b" " * 10_000_000) + run.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < 16_384
        frame = Frame(Opcode.TEXT, bomb[:-4], rsv1=True)
        client.writer.write(_masked(frame))
        ended = await client.end()
        assert (ended[-1]["type"], ended[-1]["code"], ended[-1]["reconnect"]) == (
            "disconnect",
            1009,
            False,
        )
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code == 1009


def _masked(frame: Frame) -> bytes:
    size = len(frame.data)
    head = bytes((0x80 | frame.rsv1 << 6 | frame.opcode, 0x80 | (min(126, size))))
    return head + (b"" if size < 126 else size.to_bytes(2, "big")) + bytes(4) + bytes(frame.data)


async def test_a_frame_that_is_not_masked_is_a_violation(server: Server) -> None:
    """RFC 6455 section 5.1: 1002."""
    async with RawClient.connect(server.url(token=server.token())) as client:
        client.writer.write(b"\x81\x02{}")
        ended = await client.end()
        assert ended[-1]["code"] == 1002
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code == 1002


@pytest.mark.parametrize(
    "frame",
    [Frame(Opcode.PING, b""), Frame(Opcode.PONG, b"x"), Frame(Opcode.CONT, b"", fin=False)],
    ids=["ping", "pong", "fragment"],
)
async def test_every_frame_counts_for_the_rate(server: Server, frame: Frame) -> None:
    """A flood of control frames or empty fragments is rate limited and closed with 4004 like one of
    messages.
    """
    async with RawClient.connect(server.url(token=server.token())) as client:
        if frame.opcode is Opcode.CONT:
            client.writer.write(
                _masked(Frame(Opcode.TEXT, b"", fin=False))[:1].replace(b"\x81", b"\x01")
                + b"\x80"
                + bytes(4)
            )
        one = (
            bytes(
                (
                    frame.opcode if frame.opcode is Opcode.CONT else 0x80 | frame.opcode,
                    0x80 | len(frame.data),
                )
            )
            + bytes(4)
            + bytes(frame.data)
        )
        client.writer.write(one * 80)
        ended = await client.end()
        assert [body["code"] for body in ended] == ["rate_limited"] * 11 + [4004]


async def test_a_fragmented_message_is_whole(server: Server) -> None:
    """A message in several frames is read as one."""
    async with RawClient.connect(server.url(token=server.token())) as client:
        services = [b'{"action":', b"", b'"ping","id":"', "ü".encode()[:1], "ü".encode()[1:], b'"}']
        client.protocol.send_text(services[0], fin=False)
        for part in services[1:]:
            client.protocol.send_continuation(part, fin=part is services[-1])
        client.flush()
        assert (await client.message())["id"] == "ü"


async def test_pings_are_answered(server: Server) -> None:
    """RFC 6455 section 5.5.2: the same bytes come back."""
    async with RawClient.connect(server.url(token=server.token())) as client:
        client.protocol.send_ping(b"are you there")
        client.flush()
        assert bytes((await client.frame(Opcode.PONG)).data) == b"are you there"


async def test_a_close_that_is_answered_confirms(tmp_path: Path) -> None:
    """What was handed over before a drain's Close, and the Close answered, is not sent again."""
    with serving(tmp_path, "fast", drain_window_s=0) as server:
        async with server.client() as client:
            session = (await client.subscribe("restaurant_reservations"))["session"]
            await server.book(3)
            await client.events(3)
            await asyncio.gather(
                server.call(server.services.connection_manager.drain), client.farewell()
            )
    with serving(tmp_path, "fast") as server:
        async with server.client(session=session) as client:
            resumed = await client.receive()
            assert resumed["positions"]["restaurant_reservations"]["seq"] == 3
            assert json.dumps(resumed["recovered"]) == '{"restaurant_reservations": true}'


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_tls_is_carried(
    tmp_path: Path, certificate: tuple[Path, Path], loop_name: str, compression: str | None
) -> None:
    """Over TLS the handover, shared frames, slow readers' signals and closing are the same."""
    with serving(tmp_path, "fast", uvloop=loop_name == "uvloop", tls=certificate) as server:
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        url = server.url(token=server.token()).replace("ws:", "wss:")
        async with connect(url, proxy=None, ssl=trusting, compression=compression) as websocket:
            client = Client(websocket)
            await client.subscribe("restaurant_reservations")
            for first in range(1, 51, 10):
                await server.book(10)
                assert await client.events(10) == list(range(first, first + 10))
            await server.call(server.services.connection_manager.drain)
            assert (await client.farewell())[1] == 1012


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    """The server's event loop."""
    name: str = request.param
    return name
