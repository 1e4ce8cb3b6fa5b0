"""What only the fast lane can do: shared compression, pings and fragments that count, and little
memory a connection. On both loops.
"""

import asyncio
import json
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from rtdash.protocol.server_session import ServerSession
from rtdash.server.ws import closable_connection
from rtdash.server.ws.fast_transport import LATE_BYTES, FastTransport
from tests.certificates import certificate
from tests.server.raw_client import RawClient
from tests.server.sockets import Client, Server, anyio_backend, serving

__all__ = ["anyio_backend", "certificate"]
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A fast lane on each event loop: their transports differ."""
    with serving(
        tmp_path_factory.mktemp(request.param), "fast", uvloop=request.param == "uvloop"
    ) as running:
        yield running


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


async def test_a_pong_confirms_a_replay_only_as_far_as_it_was(tmp_path: Path) -> None:
    """While history is being sent, a pong confirms what was handed over before its ping: not less,
    and never what comes after.
    """
    with serving(
        tmp_path, "fast", ping_interval_s=0.2, pong_timeout_s=5, messages_per_second=0
    ) as server:
        epoch = server.services.relay.epoch
        for _ in range(10):
            await server.book(100, name="x" * 4000)
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            start = {"restaurant_reservations": {"epoch": epoch, "seq": 0}}
            client.say(action="subscribe", channels=["restaurant_reservations"], positions=start)
            session = (await client.message())["session"]
            seen = 0
            answered: list[int] = []
            while len(answered) < 3 or not answered[-1]:
                frame = await client.any_frame()
                if frame.opcode is Opcode.TEXT:
                    seen = json.loads(bytes(frame.data)).get("seq", seen)
                    await asyncio.sleep(0.002)
                elif frame.opcode is Opcode.PING:
                    client.pong(frame)
                    answered.append(seen)
            assert answered[-1] < 1000
            holder = server.services.connection_manager.sessions.holder(session)
            assert holder is not None
            await server.until(
                lambda: any(
                    position.seq for position in holder.action_handler.session.confirmed.values()
                )
            )
        async with server.client(session=session) as back:
            since = (await back.receive())["positions"]["restaurant_reservations"]["seq"]
            assert 0 < since <= answered[-1]
            assert await back.events(1000 - since) == list(range(since + 1, 1001))


async def test_a_late_pong_says_nothing_about_what_was_joined_since(tmp_path: Path) -> None:
    """A ping from before the subscribe, answered after it, confirms nothing of the stream."""
    with serving(tmp_path, "fast", ping_interval_s=0.4, pong_timeout_s=20) as server:
        epoch = server.services.relay.epoch
        async with (
            server.client() as other,
            RawClient.connect(server.url(token=server.token())) as client,
        ):
            await other.subscribe("restaurant_reservations")
            await server.book(3)
            ping = await client.frame(Opcode.PING)
            start = {"restaurant_reservations": {"epoch": epoch, "seq": 0}}
            client.say(action="subscribe", channels=["restaurant_reservations"], positions=start)
            session = (await client.message())["session"]
            client.pong(ping)
            client.say(action="ping", id="behind it")
            while (await client.message()).get("id") != "behind it":
                pass
        async with server.client(session=session) as back:
            assert await back.events(3) == [1, 2, 3]


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
