"""Handshakes that are not as usual, as bytes over a real socket: each has its answer, and its
socket is freed. On both lanes.
"""

import asyncio
import random
from logging import ERROR
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.server.sockets import SECRET, Server, anyio_backend, edge, lane, serving

__all__ = ["SECRET", "anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

FUZZED = 5_000 if FULL else 150
FIELDS = {
    "Host": "x",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def head(
    server: Server,
    *,
    line: str = "GET /ws?token={token} HTTP/1.1",
    more: str = "",
    **fields: str | None,
) -> bytes:
    """A good one with these fields in place of its own (None: without it; `_` for `-`), and with
    `more` at its end.
    """
    chosen = FIELDS | {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [
        line.replace("{token}", server.token()),
        *(f"{name}: {value}" for name, value in chosen.items() if value is not None),
    ]
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode("latin-1")


async def answer(server: Server, *pieces: bytes) -> tuple[int, str]:
    """Status and head of the answer to what is sent in these pieces; a refusal's socket is ended by
    the server.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        said = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode("latin-1")
        status = int(said.split()[1])
        if status != 101:
            await asyncio.wait_for(reader.read(), 9)
        return status, said
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "dG9vIHNob3J0"}, 400),
        ({"Sec_WebSocket_Key": "not base64 of 16 bytes!!"}, 400),
        ({"more": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"}, 400),
        ({"Sec_WebSocket_Version": None}, 400),
        ({"Sec_WebSocket_Version": "12"}, 426),
        ({"more": "Sec-WebSocket-Version: 13\r\n"}, 400),
        ({"more": "Origin: http://x\r\nOrigin: http://x\r\n"}, 400),
        ({"line": "POST /ws?token={token} HTTP/1.1"}, 405),
        ({"line": "GET /ws/?token={token} HTTP/1.1"}, 404),
        ({"line": "GET /?token={token} HTTP/1.1"}, 404),
        ({"line": "GET /w%73?token={token} HTTP/1.1"}, 101),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Upgrade": "h2c, websocket"}, 101),
        ({"Upgrade": "h2c, WebSocket", "more": "Connection: Upgrade\r\n"}, 101),
        ({"Upgrade": "websocket, h2c", "more": "Sec-WebSocket-Extensions: x-y\r\n"}, 101),
        ({"Upgrade": "h2c", "more": "Upgrade: websocket\r\nX: 1\r\nX: 2\r\n"}, 101),
        ({"more": "X: 1\r\nX: 2\r\n"}, 101),
        ({"more": "X: \xfc\r\n"}, 101),
        ({"more": "Content-Length: 0\r\n"}, 101),
        ({"more": "Sec-WebSocket-Extensions: x-nobody-knows\r\n"}, 101),
    ],
)
async def test_each_handshake_has_its_answer(
    edge: Server, fields: dict[str, str | None], status: int
) -> None:
    """What is missing, wrong, or there twice is refused with a status; what is only unusual is
    taken.
    """
    # `line` and `more` are never None
    assert (await answer(edge, head(edge, **fields)))[0] == status  # type: ignore[arg-type]


async def test_another_version_hears_which_is_spoken(edge: Server) -> None:
    """RFC 6455 section 4.4: a client may try again with that one."""
    status, said = await answer(edge, head(edge, Sec_WebSocket_Version="8"))
    assert status == 426
    assert "sec-websocket-version: 13\r\n" in said.lower()


async def test_offers_in_several_fields_count_together(edge: Server) -> None:
    """RFC 6455 section 11.3.4."""
    status, said = await answer(
        edge,
        head(
            edge,
            more="Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: other, rtdash.v1\r\n",
        ),
    )
    assert status == 101
    assert "sec-websocket-protocol: rtdash.v1\r\n" in said.lower()


@pytest.mark.parametrize("offered", ["bearer.caf\xe9", "bearer.a\tb", "bearer.\x80"])
async def test_an_odd_offer_never_stands_in_the_answer(edge: Server, offered: str) -> None:
    """The only offer is chosen where it may stand in a head, and refused in words elsewhere."""
    status, said = await answer(edge, head(edge, more=f"Sec-WebSocket-Protocol: {offered}\r\n"))
    assert status in {101, 400}
    assert offered not in said.partition("\r\n\r\n")[0]


async def test_a_head_may_come_in_any_pieces(edge: Server) -> None:
    """Byte by byte, and cut in two anywhere."""
    whole = head(edge)
    assert (await answer(edge, *(whole[place : place + 1] for place in range(len(whole)))))[
        0
    ] == 101
    for place in random.Random(5).sample(range(1, len(whole)), 20):
        assert (await answer(edge, whole[:place], whole[place:]))[0] == 101


async def test_broken_heads_harm_nobody(
    tmp_path: Path, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes changed, cut, doubled: no fault in the log, no connection left over, and the next
    client is served.
    """
    chance = random.Random(2026)
    with serving(tmp_path, lane, handshakes_per_minute=0, connections_per_user=0) as server:
        for _ in range(FUZZED):
            broken = bytearray(head(server))
            for _ in range(chance.randint(1, 4)):
                place, size = chance.randrange(len(broken)), chance.randint(0, 40)
                broken[place : place + size] = chance.choice(
                    [b"", chance.randbytes(size), broken[place : place + size] * 2, b"\r\n", b":"]
                )
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(broken)
            await asyncio.wait({asyncio.ensure_future(reader.read(200))}, timeout=0.01)
            writer.transport.abort()
        connection_manager = server.services.connection_manager
        await server.until(
            lambda: (
                not connection_manager.connections
                and not connection_manager.connection_limits.by_user
            )
        )
        async with server.client() as client:
            assert (await client.ask(action="ping"))["status"] == "pong"
    ours = "" if lane == "fast" else "rtdash"
    assert [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= ERROR and record.name.startswith(ours)
    ] == []
