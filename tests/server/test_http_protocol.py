"""Peers that keep the server waiting, by plain HTTP: each is dropped in its time, counted, and no
fault of the server's.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rtdash.server.http import peer_timers
from rtdash.server.http.request_head import MAX_FIELDS
from tests.server.sockets import Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

POST = (
    "POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length:"
    " 1000\r\n\r\n["
)
GET = "GET /healthz HTTP/1.1\r\nHost: x\r\n{more}\r\n"
LIMIT_S = 0.4
ENDED_S = 9
"""Less than what a head gets by default: another limit is not the one that ends it."""


async def trickle(server: Server, first: str, byte: bytes) -> None:
    """Send the first, then a byte again and again, until the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(first.encode())

    async def drip() -> None:
        while True:
            await asyncio.sleep(0.05)
            writer.write(byte)

    dripping = asyncio.ensure_future(drip())
    with suppress(OSError):
        while await asyncio.wait_for(reader.read(65536), ENDED_S):
            pass
    dripping.cancel()
    await asyncio.gather(dripping, return_exceptions=True)
    writer.close()


@pytest.mark.parametrize(
    ("first", "byte", "limit"),
    [
        ("GET /healthz HTTP/1.1\r\nX: ", b"x", "handshake_timeout_s"),
        (GET.format(more=""), b"\r\n", "handshake_timeout_s"),
        (POST, b" ", "body_timeout_s"),
        (GET.format(more="Content-Length: 1000\r\n"), b" ", "body_timeout_s"),
    ],
    ids=["head", "empty lines", "body", "body nobody asked for"],
)
async def test_what_trickles_is_ended(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    first: str,
    byte: bytes,
    limit: str,
) -> None:
    """Every byte in time, the whole never: head, body, a body behind an answer, and empty lines in
    a connection that is kept alive.
    """
    monkeypatch.setattr(peer_timers, "BODY_TIMEOUT_S", LIMIT_S)
    with serving(tmp_path, "fast", handshake_timeout_s=LIMIT_S) as server:
        await trickle(server, first.replace("{token}", server.token()), byte)
        assert server.refusals(limit) == 1
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_without_a_limit_a_head_has_all_the_time(tmp_path: Path) -> None:
    """The request is answered whenever its head is whole."""
    with serving(tmp_path, "fast", handshake_timeout_s=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for piece in GET.format(more="").splitlines(keepends=True):
            writer.write(piece.encode())
            await asyncio.sleep(LIMIT_S / 2)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_an_answer_that_nobody_reads_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests without end, and not one answer read: the buffer is freed."""
    monkeypatch.setattr(peer_timers, "UNREAD_TIMEOUT_S", LIMIT_S)
    with serving(tmp_path, "fast") as server, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", server.port))
        asked = GET.format(more="").replace("healthz", "asyncapi.json").encode()
        await asyncio.get_running_loop().sock_sendall(peer, asked * 400)
        await server.until(lambda: server.refusals("unread_timeout_s") == 1)


async def test_who_is_kept_alive_and_in_time_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body in pieces, a pause, and another request on the same connection: all are answered."""
    monkeypatch.setattr(peer_timers, "BODY_TIMEOUT_S", 5 * LIMIT_S)

    async def body():
        for piece in (b"[", b" ", b"]"):
            await asyncio.sleep(LIMIT_S / 2)
            yield piece

    with serving(tmp_path, "fast", handshake_timeout_s=LIMIT_S) as server:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False
        ) as client:
            client.headers["Authorization"] = f"Bearer {server.token()}"
            for _ in range(2):
                assert (await client.post("/api/operations", content=body())).json() == {
                    "outcomes": []
                }
                await asyncio.sleep(2 * LIMIT_S)
                assert (await client.get("/healthz")).status_code == 200
        assert server.refusals("handshake_timeout_s") == server.refusals("body_timeout_s") == 0


async def test_a_peer_that_goes_away_in_its_body_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged as an error, and the next one is served."""
    with serving(tmp_path, "fast") as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(POST.format(token=server.token()).encode())
        await writer.drain()
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False
        ) as client:
            await client.get("/healthz")
            writer.transport.abort()
            assert (await client.get("/healthz")).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


UPGRADE = (
    "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version:"
    " 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /ws HTTP/1.1\r\nContent-Length: 3\r\n", b"400"),
        (f"GET /ws?token={'x' * 70_000} HTTP/1.1\r\n", b"431"),
        ("GET /ws HTTP/1.1\r\n" + "X: y\r\n" * 200, b"431"),
        (f"GET /ws?{'a=b&' * 200} HTTP/1.1\r\n", b"101"),
    ],
    ids=["POST", "long URL", "many headers", "many fields"],
)
async def test_a_handshake_that_cant_be_read_is_answered(
    tmp_path: Path, lane: str, head: str, status: bytes
) -> None:
    """And its socket is freed: none of them waits for ever. (A query with too many fields holds no
    token: 4500.)
    """
    with serving(tmp_path, lane) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write((head + UPGRADE + "\r\n").encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 30)
        assert answer.split()[1] == status
        if status != b"101":
            await asyncio.wait_for(reader.read(), ENDED_S)
        writer.transport.abort()


async def test_an_unfinished_head_has_a_bound_on_its_fields(tmp_path: Path) -> None:
    """Each field costs more memory than its bytes: the end of the head is not waited for."""
    with serving(tmp_path, "fast", handshake_timeout_s=0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 200)
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.1 431 ")
        writer.close()


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["unfinished", "whole"])
async def test_fields_beyond_the_bound_are_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    """However many fields come in one segment, the parser stops soon behind those that may be: 200
    such heads at once would hold the loop otherwise.
    """
    parsed: list[bytes] = []
    on_header = HttpToolsProtocol.on_header

    def counted(protocol: HttpToolsProtocol, name: bytes, value: bytes) -> None:
        parsed.append(name)
        on_header(protocol, name, value)

    monkeypatch.setattr(HttpToolsProtocol, "on_header", counted)
    with serving(tmp_path, "fast") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 15_000 + end)
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(b"HTTP/1.1 431 ")
        writer.close()
    assert MAX_FIELDS < len(parsed) < 2_000


@pytest.mark.parametrize("part", ["URL", "header"])
async def test_a_head_has_its_bounds(tmp_path: Path, part: str) -> None:
    """Megabytes of head are not kept, however fast they come; a head of ordinary size is fine."""
    with serving(tmp_path, "fast") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(OSError):
            writer.write(b"GET /" if part == "URL" else b"GET /healthz HTTP/1.1\r\nX: ")
            for _ in range(200):
                writer.write(b"x" * 10_000)
                await writer.drain()
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        assert server.refusals("head_limit_bytes") == 1
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(
                f"http://127.0.0.1:{server.port}/healthz", headers={"Cookie": "x" * 20_000}
            )
            assert answer.status_code == 200


async def test_trailers_are_thrown_away(tmp_path: Path) -> None:
    """What follows a chunked body is never taken for headers, nor kept."""
    with serving(tmp_path, "fast") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            "POST /api/operations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection:"
            " close\r\n\r\n"
        )
        writer.write(
            (head + f"2\r\n[]\r\n0\r\nAuthorization: Bearer {server.token()}\r\n\r\n").encode()
        )
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 30)
        writer.transport.abort()


class Peer:
    """A connection that speaks HTTP, and stays."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def of(cls, server: Server) -> AsyncIterator["Peer"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def is_served(self) -> bool:
        self._writer.write(GET.format(more="").encode())
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 30)
        await self._reader.readexactly(
            int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        )
        return head.startswith(b"HTTP/1.1 200 ")

    async def is_dropped(self) -> bool:
        try:
            return await asyncio.wait_for(self._reader.read(), ENDED_S) == b""
        except ConnectionResetError:
            return True


async def test_who_asks_for_nothing_goes_when_it_gets_crowded(tmp_path: Path) -> None:
    """Above max_connections each new connection costs that which has asked for nothing for longest;
    connections with requests are served.
    """
    with serving(tmp_path, "fast", max_connections=3) as server:
        async with (
            Peer.of(server) as silent,
            Peer.of(server) as later,
            Peer.of(server) as busy,
        ):
            assert await later.is_served()
            assert await busy.is_served()
            async with Peer.of(server) as newcomer:
                assert await silent.is_dropped()
                assert await busy.is_served()
                assert await newcomer.is_served()
                async with Peer.of(server) as last:
                    assert await later.is_dropped()
                    assert await busy.is_served()
                    assert await newcomer.is_served()
                    assert await last.is_served()
        assert server.refusals("http_connections") == 2


async def test_a_dry_run_drops_nobody_from_a_crowd(tmp_path: Path) -> None:
    """Connections that would have been closed are counted."""
    with serving(tmp_path, "fast", max_connections=1, limits_dry_run=True) as server:
        async with Peer.of(server) as first, Peer.of(server) as second:
            assert await second.is_served()
            assert server.refusals("http_connections") == 1
            assert await first.is_served()


async def test_sockets_are_no_part_of_the_crowd(tmp_path: Path, lane: str) -> None:
    """Connections that speak HTTP drive out none that have become WebSockets."""
    with serving(tmp_path, lane, max_connections=1) as server:
        async with server.client() as client, Peer.of(server) as pending:
            assert await pending.is_served()
            assert (await client.ask(action="ping"))["status"] == "pong"
        assert server.refusals("http_connections") == 0
