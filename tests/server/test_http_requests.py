"""Requests as other people's programs and attackers write them: pipelined, upgraded, with odd
heads. Each test speaks bytes to a real server.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.server.raw_client import encode_client_frame
from tests.server.sockets import Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HANDSHAKE = (
    "GET /ws?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def connected(
    server: Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection, aborted at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def exchange(server: Server, *segments: bytes) -> bytes:
    """Return everything that is answered to the segments, until the server closes."""
    async with connected(server) as (reader, writer):
        for segment in segments:
            writer.write(segment)
            await writer.drain()
            await asyncio.sleep(0.05)  # a segment of its own
        return await asyncio.wait_for(reader.read(), 30)


@pytest.mark.parametrize("is_withheld", [True, False])
async def test_an_answer_in_place_of_continue_closes(tmp_path: Path, is_withheld: bool) -> None:
    """Nothing says whether the body or the next request follows it; behind a body that came, the
    connection stays.
    """
    with serving(tmp_path, "fast") as server:
        head = (
            b"POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 9\r\n\r\n"
        )
        if is_withheld:
            answers = await exchange(server, head)
            assert answers.count(b"connection: close\r\n") == 1
        else:
            answers = await exchange(server, head + b"[1, 2, 3]" + LAST)
            assert b"HTTP/1.1 200 " in answers
        assert answers.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("size", [40_000, 90_000])
async def test_pipelined_bodies_are_all_answered(tmp_path: Path, size: int) -> None:
    """Though more comes than is held of what waits: it is read when there is room."""
    with serving(tmp_path, "fast") as server:
        head = (
            "POST /api/operations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {server.token()}\r\nContent-Length: {size}\r\n\r\n"
        )
        post = head.encode() + b"[" + b" " * (size - 2) + b"]"
        answers = await exchange(server, post * 20 + LAST)
        assert answers.count(b"HTTP/1.1 200 ") == 21


async def test_pipelined_requests_are_answered_one_after_the_other(tmp_path: Path) -> None:
    """A hundred in one segment get a hundred answers, and never more than two are under way."""
    with serving(tmp_path, "fast") as server:
        most = 0
        async with connected(server) as (reader, writer):
            writer.write(GET * 99 + LAST)
            answers = b""
            while piece := await asyncio.wait_for(reader.read(65536), 30):
                answers += piece
                most = max(
                    [most, *(len(one.pipeline) for one in server.sockets if hasattr(one, "cycle"))]
                )
        assert answers.count(b"HTTP/1.1 200 OK") == 100
        assert most <= 1


async def test_requests_behind_unread_answers_are_not_even_parsed(tmp_path: Path) -> None:
    """A peer that reads nothing has its requests wait as bytes, a few of them as requests."""
    with serving(tmp_path, "fast") as server:
        async with connected(server) as (_, writer):
            writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
            await server.until(lambda: any(getattr(one, "held", b"") for one in server.sockets))
            await asyncio.sleep(0.2)
            http = next(one for one in server.sockets if hasattr(one, "cycle"))
            assert len(http.pipeline) <= 1
            assert http.transport.get_write_buffer_size() < 1_000_000


async def test_a_body_and_the_next_request_may_share_a_segment(tmp_path: Path) -> None:
    """Each is read where it begins, however the bytes are cut."""
    with serving(tmp_path, "fast") as server:
        head = (
            f"POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token()}"
            "\r\nContent-Length: 6\r\n\r\n"
        ).encode()
        together = head + b"[\r\n\r\n]" + GET + LAST
        for cut in (0, len(head) - 2, len(head), len(head) + 3, len(head) + 8):
            answers = await exchange(server, together[:cut], together[cut:])
            assert answers.count(b"HTTP/1.1 200 OK") == 3, (cut, answers)


@pytest.mark.parametrize("offer", ["h2c", "TLS/1.0", "h2c, IRC/6.9"])
async def test_an_upgrade_to_anything_else_is_as_if_it_were_not_there(
    tmp_path: Path, offer: str
) -> None:
    """A body behind it is the request's body, also in a second segment, and never the next request
    (RFC 9110 section 7.8: a server may ignore Upgrade).
    """
    with serving(tmp_path, "fast") as server:
        inner = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        head = (
            f"POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token()}"
            f"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAEA"
            "\r\nContent-Length: {}\r\n\r\n"
        )
        for body, status in ((inner, b"400"), (b"[]", b"200")):
            asked = head.format(len(body)).encode()
            for cut in (len(asked), len(asked) + 1):
                answers = await exchange(server, (asked + body)[:cut], (asked + body)[cut:] + LAST)
                statuses = re.findall(rb"HTTP/1.1 (\d+) ", answers)
                assert statuses == [status, b"200"], answers


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("", b"400"),
        ("Host: x\r\nHost: y\r\n", b"400"),
        ("Host: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n", b"400"),
        ("Host: x\r\n" + "a:\r\n" * 128, b"431"),
        ("Host: x\r\n" + "a:\r\n" * 100, b"200"),
        ("Host: x\r\nX: " + "y" * 70_000 + "\r\n", b"431"),
        ("Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"400"),
    ],
    ids=["no Host", "two Hosts", "two tokens", "many", "enough", "long", "two lengths"],
)
async def test_a_head_that_is_ambiguous_or_too_large_is_refused(
    tmp_path: Path, fields: str, status: bytes
) -> None:
    """RFC 9112 section 3.2 asks for one Host, and one bearer is meant; both for plain requests and
    for handshakes.
    """
    with serving(tmp_path, "fast") as server:
        for more in ("", "Upgrade: websocket\r\n"):
            answer = await exchange(
                server,
                f"GET /healthz HTTP/1.1\r\nConnection: close{', upgrade' if more else ''}\r\n"
                f"{more}{fields}\r\n".encode(),
            )
            if not more or status != b"200":
                assert answer.split()[1] == status, answer
        assert (await exchange(server, b"GET /healthz HTTP/1.0\r\n\r\n")).split()[1] == b"200"


async def test_a_handshake_behind_a_request_waits_for_its_answer(tmp_path: Path, lane: str) -> None:
    """In one segment with a request before it and a frame behind it: an answer, a 101, a pong."""
    with serving(tmp_path, lane) as server:
        ping = encode_client_frame(json.dumps({"action": "ping", "id": "early"}).encode())
        body = (
            "POST /api/operations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Bearer"
            f" {server.token()}\r\n\r\n[]"
        ).encode()
        slow = body.replace(b"POST", b"GET").replace(b"operations", b"dashboard/trends")
        for before in (GET, body, slow):
            async with connected(server) as (reader, writer):
                shake = HANDSHAKE.format(token=server.token()).encode()
                writer.write(before + shake + ping[:9])
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                assert head.startswith(b"HTTP/1.1 200"), head
                assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).count(b" 101 ")
                writer.write(ping[9:])
                assert b'"early"' in await asyncio.wait_for(reader.readuntil(b"}"), 30)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x83\x81abcd\x00", 1002),
        (b"\x81\x81abcd\x9e", 1007),
        (b"\x81\x02hi", 1002),
        (b"\x80\x81abcd\x00", 1002),
        (b"\x88\x82abcd\x62\x8f", 1002),
    ],
    ids=["reserved", "no UTF-8", "unmasked", "no beginning", "a Close with 1005"],
)
async def test_a_bad_frame_in_the_handshakes_segment(
    tmp_path: Path, lane: str, sent: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer's fault: the handshake's answer, a Close, and no traceback."""
    with serving(tmp_path, lane) as server:
        async with connected(server) as (reader, writer):
            writer.write(HANDSHAKE.format(token=server.token()).encode() + sent)
            answer = await asyncio.wait_for(reader.read(), 30)
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), answer
    assert b"\x88" in frames
    assert code.to_bytes(2, "big") in frames
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_long_head_is_a_handshake_too(tmp_path: Path, lane: str) -> None:
    """Cookies of other programs on the same host are no reason to refuse what REST takes."""
    with serving(tmp_path, lane) as server:
        shake = HANDSHAKE.format(token=server.token())
        for more in ("Cookie: " + "x" * 20_000, "\r\n".join(["X: y"] * 100)):
            async with connected(server) as (reader, writer):
                writer.write(shake.replace("Host: x\r\n", f"Host: x\r\n{more}\r\n").encode())
                assert (await asyncio.wait_for(reader.readline(), 30)).split()[1] == b"101"


async def test_the_socket_without_an_upgrade_says_what_is_missing(tmp_path: Path) -> None:
    """A proxy that drops Upgrade turns a handshake into a plain GET (RFC 9110 section 15.5.22)."""
    with serving(tmp_path, "fast") as server:
        answer = await exchange(server, LAST.replace(b"/healthz", b"/ws"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 426 ")
        assert b"upgrade: websocket" in head.lower()
        assert "Upgrade" in json.loads(body)["detail"]


async def test_a_connection_is_kept_for_longer_than_a_balancer_keeps_it(tmp_path: Path) -> None:
    """Else a request on its way meets a closed socket: 75 s by default, and as the setting says."""
    with serving(tmp_path, "fast") as server:
        assert server.services.settings.limits.keep_alive_s == 75
    with serving(tmp_path, "fast", keep_alive_s=0.3) as server:
        async with connected(server) as (reader, writer):
            writer.write(GET)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"200 OK" in head
            assert (await asyncio.wait_for(reader.read(), 30)).endswith(b"}")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://x/healthz", b"200"),
        ("HTTP://x:80/healthz?a=b", b"200"),
        ("http://x", b"200"),
        ("http://x?a=b", b"200"),
        ("/healthz", b"200"),
        ("x", b"400"),
    ],
)
async def test_a_target_in_the_form_for_proxies_is_read(
    tmp_path: Path, lane: str, target: str, status: bytes
) -> None:
    """A server takes it (RFC 9112 section 3.2.2), also where its path is left out."""
    with serving(tmp_path, lane) as server:
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert (await exchange(server, head.encode())).split()[1] == status


async def test_a_handshake_in_the_form_for_proxies_is_read(tmp_path: Path, lane: str) -> None:
    """As any other request."""
    with serving(tmp_path, lane) as server:
        head = HANDSHAKE.format(token=server.token()).replace("/ws", f"ws://x:{server.port}/ws", 1)
        async with connected(server) as (reader, writer):
            writer.write(head.encode())
            assert b" 101 " in await asyncio.wait_for(reader.readline(), 30)


async def test_an_upgrade_by_http_1_0_is_as_if_it_were_not_there(tmp_path: Path, lane: str) -> None:
    """A server must ignore it (RFC 9110 section 7.8): a proxy of that time may have passed it on
    without a thought.
    """
    with serving(tmp_path, lane) as server:
        head = HANDSHAKE.format(token=server.token()).replace("HTTP/1.1", "HTTP/1.0")
        answer = await exchange(server, head.encode())
        assert answer.split()[1] == b"426", answer


@pytest.mark.parametrize("path", ["/healthz", "/api/user/profile", "/nowhere"])
async def test_a_query_of_thousands_of_fields_is_not_read(
    tmp_path: Path, lane: str, path: str
) -> None:
    """Such a query costs more than the answer, with or without a token, also where nothing is
    paced.
    """
    with serving(tmp_path, lane) as server:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False
        ) as client:
            for headers in ({}, {"Authorization": f"Bearer {server.token()}"}):
                answer = await client.get(f"{path}?{'a&' * 20_000}", headers=headers)
                assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query")
                short = await client.get(f"{path}?{'a&' * 90}", headers=headers)
                assert short.status_code != 422
