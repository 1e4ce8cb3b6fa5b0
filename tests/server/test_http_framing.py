"""Bodies as no honest client frames them, and answers that no client reads: bytes to a real server."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.http.unread_answers import UnreadAnswers, reset
from tests.server.sockets import Server, anyio_backend, serving
from tests.server.test_http_requests import LAST, connected, exchange

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

KIB = 1024
MOST_BYTES = 50_000 * KIB
"""More than the kernel takes for a server that has stopped reading."""


@pytest.mark.parametrize(
    ("version", "codings", "status"),
    [
        ("1.1", ["gzip, chunked"], b"501"),
        ("1.1", ["gzip", "chunked"], b"501"),
        ("1.1", ["x, chunked"], b"501"),
        ("1.1", ["identity, chunked"], b"501"),
        ("1.1", [", chunked"], b"501"),
        ("1.1", ["gzip"], b"501"),
        ("1.1", ["chunked, gzip"], b"400"),
        ("1.0", ["chunked"], b"400"),
        ("1.1", ["chunked"], b"401"),
        ("1.1", [" Chunked "], b"401"),
    ],
    ids=str,
)
async def test_a_coding_besides_chunked_is_refused(
    tmp_path: Path, version: str, codings: list[str], status: bytes
) -> None:
    """A body that is still coded would be read as if it were not, or with another length than the
    one that a proxy before the server has read (RFC 9112 sections 6.1 and 6.3).
    """
    fields = "".join(f"Transfer-Encoding: {coding}\r\n" for coding in codings)
    head = f"POST /api/operations HTTP/{version}\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"
    with serving(tmp_path, "fast") as server:
        answer = await exchange(server, head.encode() + b"2\r\n[]\r\n0\r\n\r\n")
        assert answer.split()[1] == status, answer
        assert answer.count(b"HTTP/1.1 ") == 1


CHUNKED = "POST {path} HTTP/1.1\r\nHost: x\r\n{more}Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("has_token", [True, False])
@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"2;", b"x" * KIB),
        (b"", b"1;" + b"x" * KIB + b"\r\n \r\n"),
        (b"2\r\n[]\r\n0\r\nX: ", b"y" * KIB),
        (b"2\r\n[]\r\n0\r\n", b"X: " + b"y" * KIB + b"\r\n"),
        (b"2\r\n[]\r\n0\r\n", b"x:\r\n" * 256),
        (b"", b"0" * KIB),
    ],
    ids=[
        "extension",
        "extensions",
        "trailer",
        "trailers",
        "tiny trailers",
        "leading zeros",
    ],
)
async def test_what_stands_between_the_chunks_is_bounded(
    tmp_path: Path, first: bytes, again: bytes, *, has_token: bool
) -> None:
    """One extension or trailer without an end, or many: the parser would keep or read all of it,
    since no limit on bodies counts it.
    """
    with serving(tmp_path, "fast") as server:
        more = f"Authorization: Bearer {server.token()}\r\n" if has_token else ""
        head = CHUNKED.format(path="/api/operations" if has_token else "/healthz", more=more)
        async with connected(server) as (reader, writer):
            writer.write(head.encode() + first)
            sent = 0
            with suppress(OSError):
                while sent < MOST_BYTES and not reader.at_eof():
                    writer.write(again * 32)
                    sent += len(again) * 32
                    await writer.drain()
            with suppress(OSError):  # what the server has not read becomes a reset
                while await asyncio.wait_for(reader.read(65536), 30):
                    pass
        await server.until(lambda: not server.sockets)
        assert sent < MOST_BYTES
        assert server.refusals("head_limit_bytes") == 1


async def test_small_chunks_with_short_extensions_are_a_body(tmp_path: Path) -> None:
    """A megabyte in chunks of a few bytes, each with an extension, and trailers at its end."""
    with serving(tmp_path, "fast") as server:
        more = f"Authorization: Bearer {server.token()}\r\n"
        head = CHUNKED.format(path="/api/operations", more=more).encode()
        chunks = (
            b"1\r\n[\r\n" + b"4;a=b\r\n    \r\n" * 10_000 + b"1\r\n]\r\n0\r\nX: y\r\nZ: y\r\n\r\n"
        )
        answers = await exchange(server, head + chunks + LAST)
        assert answers.count(b"HTTP/1.1 200 OK") == 2, answers


PAGE = "GET /asyncapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


def open_unread(server: Server) -> socket.socket:
    """A peer that has asked for much and reads nothing."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", server.port))
    peer.sendall(PAGE.encode() * 30)
    return peer


def end_of(peer: socket.socket) -> str:
    """How a connection ends for a peer that reads at last."""
    peer.settimeout(30)
    try:
        while peer.recv(65536):
            pass
    except ConnectionResetError:
        return "reset"
    return "end"


async def test_unread_answers_of_an_address_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many connections that ask and never read: those that have waited for longest go, with all
    that the kernel holds for them; the newest, and those that are read, stay.
    """
    unread: UnreadAnswers[HttpProtocol] = UnreadAnswers(total_bytes=10**9, owner_bytes=500_000)
    monkeypatch.setattr("rtdash.server.app.UnreadAnswers", lambda **_: unread)
    with serving(tmp_path, "fast") as server:
        await asyncio.to_thread(exchange_once, server)  # the document is made
        peers = [await asyncio.to_thread(open_unread, server) for _ in range(12)]
        await server.until(lambda: server.refusals("unread_bytes") >= 5)
        waiting = [one.transport.get_write_buffer_size() for one in tuple(server.sockets)]
        assert sum(waiting) < 1_000_000
        assert await asyncio.to_thread(exchange_once, server)
        assert await asyncio.to_thread(end_of, peers[0]) == "reset"
        for peer in peers:
            peer.close()
        await server.until(lambda: not server.sockets)
        assert unread.held_bytes == 0


def exchange_once(server: Server) -> bool:
    """Whether a client that reads gets the whole document."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as peer:
        peer.sendall(PAGE.replace("Host", "Connection: close\r\nHost").encode())
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return b"content-length: %d\r\n" % len(body) in head + b"\r\n"


class Transport:
    """Transport with so many bytes that wait."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting

    def get_write_buffer_size(self) -> int:
        return self.waiting


class Peer:
    """Connection with an unread answer."""

    def __init__(self, waiting: int = 1) -> None:
        self.transport = Transport(waiting)


def test_who_has_waited_for_longest_goes() -> None:
    """By address first, then in all; a peer that has read meanwhile is only forgotten, and the last
    one stays whatever its answer.
    """
    unread: UnreadAnswers[Peer] = UnreadAnswers(total_bytes=100, owner_bytes=40)
    first, second, third, read, last = (Peer() for _ in range(5))
    assert unread.note(first, "a", 30) == []
    assert unread.note(second, "b", 30) == []
    assert unread.note(third, "a", 20) == [first]
    read.transport.waiting = 0
    assert unread.note(read, "", 50) == []
    assert unread.held_bytes == 100
    assert unread.note(last, "", 60) == [second, third]
    assert unread.held_bytes == 60
    assert unread.note(last, "a", 1_000) == []
    unread.forget(last)
    unread.forget(last)
    assert unread.held_bytes == 0


async def test_a_reset_leaves_nothing_to_the_kernel() -> None:
    """A peer that doesn't read sees the end at once, and not after the minutes for which the kernel
    would offer it the rest.
    """
    made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    class Full(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"x" * 4_000_000)
            made.set_result(transport)

    listener = await asyncio.get_running_loop().create_server(Full, "127.0.0.1", 0)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(peer.connect, listener.sockets[0].getsockname())
        reset(await made)
        assert await asyncio.to_thread(end_of, peer) == "reset"
    listener.close()
