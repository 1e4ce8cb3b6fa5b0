"""What no client should send: each breach of the framing ends with its code, and a flood of them
leaves nothing behind.
"""

import asyncio
import gc
import json
import os
import random
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode

from rtdash.server.ws.connection import ServerConnection
from tests.conftest import FULL
from tests.faults.observers import until
from tests.faults.process import server_process
from tests.faults.taps import frame
from tests.server.raw_client import RawClient
from tests.server.sockets import LANES, Server, anyio_backend, edge, serving

__all__ = ["anyio_backend", "edge"]

pytestmark = pytest.mark.anyio

PROTOCOL, DATA, TOO_BIG = 1002, 1007, 1009
BREACHES = [
    pytest.param(frame(b"{}", mask=None), PROTOCOL, id="not masked"),
    pytest.param(frame(b"{}", first=0xC1), PROTOCOL, id="RSV1 without an extension"),
    pytest.param(frame(b"{}", first=0xA1), PROTOCOL, id="RSV2"),
    pytest.param(frame(b"{}", first=0x91), PROTOCOL, id="RSV3"),
    pytest.param(frame(b"{}", first=0x83), PROTOCOL, id="a reserved opcode"),
    pytest.param(frame(b"{}", first=0x8B), PROTOCOL, id="a reserved control opcode"),
    pytest.param(frame(b"x" * 126, first=0x89), PROTOCOL, id="a ping that is too long"),
    pytest.param(frame(b"x", first=0x09), PROTOCOL, id="a ping in fragments"),
    pytest.param(frame(b"x", first=0x80), PROTOCOL, id="a continuation of nothing"),
    pytest.param(
        frame(b"{", first=0x01) + frame(b"{}", first=0x81),
        PROTOCOL,
        id="a message within a message",
    ),
    pytest.param(frame(b"x", first=0x88), PROTOCOL, id="a Close of one byte"),
    pytest.param(
        frame((999).to_bytes(2, "big"), first=0x88),
        PROTOCOL,
        id="a Close with a code that there isn't",
    ),
    pytest.param(
        frame((1005).to_bytes(2, "big"), first=0x88),
        PROTOCOL,
        id="a Close with a code that is never sent",
    ),
    pytest.param(
        frame((1000).to_bytes(2, "big") + b"\xff", first=0x88),
        DATA,
        id="a Close whose reason is not UTF-8",
    ),
    pytest.param(frame(b'{"action":"\xff"}'), DATA, id="text that is not UTF-8"),
    pytest.param(frame(b"\xed\xa0\x80"), DATA, id="half a surrogate pair"),
    pytest.param(
        frame(b"\xe2\x82", first=0x01) + frame(b"x", first=0x80),
        DATA,
        id="a character that breaks off between fragments",
    ),
    pytest.param(frame(b"x" * 70_000), TOO_BIG, id="a message that is too big"),
    pytest.param(
        frame(b"", length=b"\xff" + (2**62).to_bytes(8, "big")),
        TOO_BIG,
        id="a length beyond all memory",
    ),
    pytest.param(
        frame(b"x" * 60_000, first=0x01) + frame(b"x" * 60_000, first=0x80),
        TOO_BIG,
        id="too big in fragments",
    ),
]


@pytest.mark.parametrize(("sent", "code"), BREACHES)
async def test_a_breach_of_the_framing_has_its_code(edge: Server, sent: bytes, code: int) -> None:
    """RFC 6455 sections 5 and 7.4.1: the connection is closed with the right code, and what was
    said before was heard.
    """
    async with RawClient.connect(edge.url(token=edge.token())) as client:
        client.say(action="ping", id="before")
        assert (await client.message())["id"] == "before"
        client.writer.write(sent)
        told = await client.end()
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code == code
        assert all(body["code"] == code for body in told if body.get("type") == "disconnect")
    await edge.until(lambda: not edge.services.connection_manager.connections)


async def test_binary_frames_mean_nothing_and_break_nothing(edge: Server) -> None:
    """Whole or in pieces they are one bad_request; the next message is served."""
    async with RawClient.connect(edge.url(token=edge.token())) as client:
        for sent in (
            frame(b"\xff\x00", first=0x82),
            frame(b"a", first=0x02) + frame(b"b", first=0x80),
        ):
            client.writer.write(sent)
            assert (await client.message())["code"] == "bad_request"
        client.say(action="ping")
        assert (await client.message())["status"] == "pong"


@pytest.mark.parametrize(
    "wrong", ["not deflate at all", "a stream that breaks off", "a bomb in fragments"]
)
async def test_what_is_compressed_badly_ends_the_connection(edge: Server, wrong: str) -> None:
    """Where compression was agreed: what can't be inflated, or would be too big, is refused;
    elsewhere its RSV1 bit is.
    """
    async with RawClient.connect(
        edge.url(token=edge.token()), offers=[ClientPerMessageDeflateFactory()]
    ) as client:
        run = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = (run.compress(b" " * 3_000_000) + run.flush(zlib.Z_SYNC_FLUSH))[:-4]
        sent = {
            "not deflate at all": frame(b"\xff" * 20, first=0xC1),
            "a stream that breaks off": frame(bomb[: len(bomb) // 2], first=0xC1),
            "a bomb in fragments": frame(bomb[:100], first=0x41) + frame(bomb[100:], first=0x80),
        }[wrong]
        client.writer.write(sent)
        await client.end()
        assert client.protocol.close_rcvd is not None
        assert client.protocol.close_rcvd.code in (
            {1002, 1007, 1009} if client.protocol.extensions else {1002}
        )


ROUNDS = 40 if FULL else 3
CONNECTIONS = 250 if FULL else 120
GROWTH_BYTES = {"fast": 64 * 1024 * 1024, "asgi": 192 * 1024 * 1024}
"""The page caches of the store fill with the sessions of all these connections (32 MiB and 3 x 8
MiB). In the plain lane the server below
makes cycles of its own of every connection, which wait for the collector; `serve` lets that run
rarely.
"""

VALID = [
    b'{"action":"subscribe","channels":["restaurant_reservations","restaurant_stats"],"batch":10}',
    b'{"action":"unsubscribe","channels":["restaurant_stats"],"id":"\xc3\xa9"}',
    (
        b'{"action":"resume","session":"x","positions":{"harbour-grill":'
        b'{"restaurant_reservations":{"epoch":"e","seq":1}}}}'
    ),
    b'{"action":"authenticate","token":"a.b.c"}',
    b'{"action":"ping","id":1}',
]


@pytest.mark.timeout(1200 if FULL else 90)
@pytest.mark.parametrize("lane", LANES)
def test_a_flood_of_broken_input_leaves_nothing_behind(tmp_path: Path, lane: str) -> None:
    """Conversations with bytes changed, left out and put in, cut into random pieces: no fault, no
    connection and no memory remains.
    """
    # The timers of the plain lane's own server keep what has ended for up to a ping interval.
    limits = {
        "connections_per_user": 0,
        "handshakes_per_minute": 0,
        "max_connections": 0,
        "lane": lane,
        "ping_interval_s": 1,
    }
    # In the plain lane the server below logs with a traceback that a text isn't UTF-8.
    with server_process(tmp_path / "data", may_log_faults=lane == "asgi", **limits) as server:
        rng = random.Random(5)
        grown = []
        for _ in range(ROUNDS):
            asyncio.run(_break_in(server.port, server.token(), rng))
            asyncio.run(until(lambda: server.metric("rtdash_connections") == 0, patience_s=60))
            grown.append(server.rss_bytes())
        assert server.metric("rtdash_subscriptions") == 0
        asyncio.run(until(lambda: server.open_sockets() <= 1, patience_s=60))
        assert server.get("/readyz").json() == {"status": "ok", "problems": []}
        assert grown[-1] - grown[0] < GROWTH_BYTES[lane], grown
        assert "ERROR rtdash" not in server.log.read_text()


def test_no_connection_outlives_a_flood(tmp_path: Path) -> None:
    """Once its socket has ended and its last timer has run, nothing refers to a connection any
    more.
    """
    with serving(tmp_path, "fast", connections_per_user=0, handshakes_per_minute=0) as server:
        asyncio.run(_break_in(server.port, server.token(), random.Random(6)))
        deadline = time.monotonic() + 60
        while left := _connections_in_memory():
            assert time.monotonic() < deadline, f"{left} connections are still in memory"
            time.sleep(0.5)


def _connections_in_memory() -> int:
    gc.collect()
    return sum(type(one) is ServerConnection for one in gc.get_objects())


async def _break_in(port: int, token: str, rng: random.Random) -> None:
    url = f"ws://127.0.0.1:{port}/ws?token={token}"
    seeds = [rng.getrandbits(64) for _ in range(CONNECTIONS)]
    for start in range(0, CONNECTIONS, 20):
        await asyncio.gather(
            *(_converse(url, random.Random(seed)) for seed in seeds[start : start + 20])
        )


async def _converse(url: str, rng: random.Random) -> None:
    async with RawClient.connect(url) as client:
        data = bytearray(
            b"".join(
                frame(rng.choice(VALID), mask=os.urandom(4)) for _ in range(rng.randint(1, 25))
            )
        )
        for _ in range(rng.randint(0, 6)):
            place = rng.randrange(len(data))
            match rng.randrange(3):
                case 0:
                    data[place] ^= 1 << rng.randrange(8)
                case 1:
                    del data[place : place + rng.randint(1, 8)]
                case _:
                    data[place:place] = rng.randbytes(rng.randint(1, 8))
        with suppress(ConnectionError):
            while data:
                size = rng.randint(1, len(data))
                client.writer.write(bytes(data[:size]))
                del data[:size]
                await client.writer.drain()
                await asyncio.sleep(0)
            await _listen(client, rng)


async def _listen(client: RawClient, rng: random.Random) -> None:
    """What comes back, as far as the client waits for it, is of the protocol."""
    reading = asyncio.ensure_future(client.read())
    await asyncio.wait({reading}, timeout=rng.choice([0.0, 0.05]))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    for told in client.frames:
        if told.opcode is Opcode.TEXT:
            assert isinstance(json.loads(bytes(told.data)), dict)
