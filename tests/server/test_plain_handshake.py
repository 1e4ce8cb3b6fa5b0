"""Handshakes that are read without a parser say what a parser would have said."""

import asyncio
from pathlib import Path

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtdash.server.http import plain_handshake
from rtdash.server.http.deferred_protocol import DeferredHttpProtocol
from rtdash.server.http.plain_handshake import LONGEST_BYTES, Head, parse_handshake
from rtdash.server.http.request_head import check_head
from tests.server.sockets import anyio_backend, serving

__all__ = ["anyio_backend"]

KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
COMMON = (
    b"GET /ws?token=a.b-c_d~ HTTP/1.1\r\nHost: example:8000\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + KEY + b"\r\n"
)
LINES = [
    b"Host: example:8000\r\n",
    b"Upgrade: websocket\r\n",
    b"Connection: Upgrade\r\n",
    b"connection: keep-alive, Upgrade\r\n",
    b"Connection: close\r\n",
    b"Connection:\r\n",
    b"UPGRADE: WebSocket \r\n",
    b"Upgrade: h2c\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
    KEY,
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    b"Origin: https://example\r\n",
    b'Cookie: a=b; c="d"\r\n',
    b"User-Agent: A b (c; d) \t\r\n",
    b"X-Odd:no blank\r\n",
    b"X-Odd:  two blanks  \r\n",
    b"X-Odd: caf\xc3\xa9\r\n",
    b"X-Odd: nul \x00\r\n",
    b"X-Odd: folded\r\n and on\r\n",
    b"X Odd: blank in the name\r\n",
    b"X-Odd : blank behind the name\r\n",
    b": no name\r\n",
    b"no colon\r\n",
    b"X-Odd: only LF\n",
    b"X-Odd: only CR\r",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Authorization: Bearer a.b.c\r\n",
]
STARTS = [
    b"GET /ws HTTP/1.1\r\n",
    b"GET /ws?token=a.b-c_d~&session=x HTTP/1.1\r\n",
    b"GET /under/ws?token=%41 HTTP/1.1\r\n",
    b"GET /ws?a#b HTTP/1.1\r\n",
    b"GET /w\xc3\xb6 HTTP/1.1\r\n",
    b"GET http://example/ws HTTP/1.1\r\n",
    b"GET * HTTP/1.1\r\n",
    b"GET  /ws HTTP/1.1\r\n",
    b"GET /ws HTTP/1.0\r\n",
    b"GET /ws HTTP/1.1\n",
    b"get /ws HTTP/1.1\r\n",
    b"POST /ws HTTP/1.1\r\n",
    b"\r\nGET /ws HTTP/1.1\r\n",
]
heads = st.builds(
    lambda start, lines, end: start + b"".join(lines) + end,
    st.sampled_from([*STARTS[:3] * 5, *STARTS]),
    st.lists(st.sampled_from([*LINES[:4] * 4, *LINES]), max_size=12),
    st.sampled_from([b"\r\n"] * 8 + [b"", b"\r\n\r\n", b"\n", b"\r\nearly", b"\r\n\x81\x80abcd"]),
)


class Parsed:
    """What a parser says of a head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        self.headers.append((name.lower(), value))


def parsed(data: bytes) -> Head | None:
    """The handshake in `data` as the server's parser reads it; None where it is none."""
    found = Parsed()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        if parser.get_http_version() != "1.1" or upgrade.args[0] != len(data):
            return None
        refusal = check_head(parser.get_method(), "1.1", found.headers)
        return None if refusal is not None else (found.target, found.headers)
    except httptools.HttpParserError:
        return None
    return None


@given(heads)
@example(COMMON)
@example(COMMON.replace(b": ", b":"))
@example(COMMON.replace(b"Upgrade\r\n", b"keep-alive, Upgrade\r\n"))
@settings(max_examples=1_500, deadline=None)
def test_what_is_read_is_what_a_parser_reads(data: bytes) -> None:
    """Whatever stands in the head; what isn't read is left to the parser."""
    read = parse_handshake(data)
    assert read is None or read == parsed(data)


@pytest.mark.parametrize(
    "changed",
    [(b"token=", b"token=%20"), (b": ", b":"), (b"\r\n\r\n", b"\r\nOrigin: http://a\r\n\r\n")],
)
def test_common_handshakes_are_read(changed: tuple[bytes, bytes]) -> None:
    """The handshakes of libraries and browsers."""
    data = COMMON.replace(*changed)
    assert parse_handshake(data) == parsed(data) is not None


@pytest.mark.parametrize(
    "changed",
    [
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"GET /", b"POST /"),
        (b"GET /ws", b"GET http://example/ws"),
        (b"Host:", b"Host: other\r\nHost:"),
        (b"Host: example:8000\r\n", b""),
        (b"Host:", b"Content-Length: 5\r\nHost:"),
        (b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
        (b"Host:", b"Expect: 100-continue\r\nHost:"),
        (b"Host:", b"Authorization: a\r\nAuthorization: b\r\nHost:"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: Upgrade", b"Connection: close"),
        (b"Host:", b"X-Odd : a\r\nHost:"),
        (b"Host:", b"X-Odd: a\tb\r\nHost:"),
        (b"\r\n\r\n", b"\r\n\r\n\x81\x80abcd"),
    ],
)
def test_an_uncommon_head_is_left_to_the_parser(changed: tuple[bytes, bytes]) -> None:
    """Whatever the parser makes of it."""
    assert parse_handshake(COMMON.replace(*changed, 1)) is None


@pytest.mark.parametrize("size", [65, 129])
def test_a_head_out_of_bounds_is_left_to_the_parser(size: int) -> None:
    """The parser counts and refuses it."""
    if size == 65:
        data = COMMON.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"a" * size * 1024 + b"\r\n\r\n")
    else:
        data = COMMON.replace(b"\r\n\r\n", b"\r\n" + b"X-Many: a\r\n" * size + b"\r\n")
    assert parse_handshake(data) is None


@pytest.mark.parametrize(
    "data",
    [
        COMMON.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"a" * LONGEST_BYTES + b"\r\n\r\n"),
        COMMON + b"\x81\x80abcd",
        COMMON[:-2],
    ],
    ids=["long", "more behind", "unfinished"],
)
def test_what_is_no_common_handshake_is_not_matched(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """The pattern goes over each byte; a flood of long heads would hold the loop."""
    monkeypatch.setattr(plain_handshake, "_HEAD", None)
    assert parse_handshake(data) is None


@pytest.mark.anyio
@pytest.mark.parametrize("lane", ["fast", "asgi"])
async def test_an_uncommon_handshake_is_answered_like_a_common_one(
    tmp_path: Path, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the parser, which is built for it; the common one needs none."""
    built: list[object] = []
    build = DeferredHttpProtocol.build

    def counted(protocol: DeferredHttpProtocol) -> None:
        built.append(protocol)
        build(protocol)

    monkeypatch.setattr(DeferredHttpProtocol, "build", counted)
    with serving(tmp_path, lane) as server:
        path = server.url(token=server.token()).split("/", 3)[3].encode()
        head = COMMON.replace(b"ws?token=a.b-c_d~", path)
        answers = [
            await _answer(server.port, head),
            await _answer(server.port, head.replace(b"Host", b"X-Odd: a\tb\r\nHost")),
        ]
    assert answers[0].startswith(b"HTTP/1.1 101 ")
    assert answers[0].splitlines()[:4] == answers[1].splitlines()[:4]
    assert len(built) == 1


async def _answer(port: int, head: bytes) -> bytes:
    """The head of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer
