"""Rules on the head of an HTTP request that the parser leaves to the server. Pure."""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
"""Of a whole head, for REST and for handshakes alike; with a token of the longest kind it has a
sixth of that."""
MAX_FIELDS = 128
"""Fields of a head: each costs some 120 bytes, however short it is."""
MAX_FRAMING_BYTES = 64 * 1024
"""Of what stands between the bytes of a chunked body, beyond FRAMING_FACTOR times the body: the
parser keeps an unfinished trailer whole, and reads an extension however long (CVE-2023-39326)."""
FRAMING_FACTOR = 16
"""Bytes around one byte of a body that are not counted: a chunk of one byte needs five."""

HEAD_END = b"\r\n\r\n"

_AUTHORITY = re.compile(rb"(?i:https?|wss?)://[^/?#]+")
_PAIR = tuple[bytes, bytes]
_HOP = {b"upgrade", b"http2-settings"}


class HeadRefusal(Enum):
    """Refusal of a head: status, and the text of the answer."""

    UNREADABLE = (400, "The request can't be read: it is not HTTP/1.1.")
    HOST = (400, "Send one Host field (RFC 9112 section 3.2).")
    TWO_TOKENS = (400, "Send one Authorization field.")
    METHOD = (405, "CONNECT is for proxies, and this is none.")
    CODING = (501, "The only transfer coding that is known here is chunked, once.")
    FRAMING = (413, "The chunks carry too much beside the body: extensions, or trailers.")
    TOO_LARGE = (
        431,
        f"The head is too large: at most {MAX_FIELDS} fields and {MAX_HEAD_BYTES // 1024} KiB.",
    )

    def encode(self) -> bytes:
        """Encode the whole answer, behind which the connection is closed."""
        status, text = self.value
        body = text.encode("ascii") + b"\n"
        return (
            b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode("ascii"))
            + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n" % len(body)
            + body
        )


def check_head(method: bytes, version: str, headers: Sequence[_PAIR]) -> HeadRefusal | None:
    """Return what is wrong with a whole head.

    Two Hosts may be read differently by a proxy and by the server behind it; of two bearers it is
    unknown which is meant. A coding besides `chunked` would leave the body coded, and HTTP/1.0
    knows none, so that its proxies read another length (RFC 9112 section 6.1).
    """
    if method == b"CONNECT":
        return HeadRefusal.METHOD
    if len(headers) > MAX_FIELDS:
        return HeadRefusal.TOO_LARGE
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (not hosts and version == "1.1"):
        return HeadRefusal.HOST
    if names.count(b"authorization") > 1:
        return HeadRefusal.TWO_TOKENS
    return _check_codings(version, headers) if b"transfer-encoding" in names else None


def _check_codings(version: str, headers: Iterable[_PAIR]) -> HeadRefusal | None:
    if version == "1.0":
        return HeadRefusal.UNREADABLE
    codings = b",".join(value for name, value in headers if name == b"transfer-encoding")
    return None if codings.strip(b" \t").lower() == b"chunked" else HeadRefusal.CODING


def origin_form(target: bytes) -> bytes:
    """Return a target as a path and its query, also where it came in the absolute form, which is
    for proxies and which a server takes as well (RFC 9112 section 3.2.2).
    """
    found = _AUTHORITY.match(target)
    if found is None:
        return target
    path = target[found.end() :]
    return path if path.startswith(b"/") else b"/" + path


def asks_for_websocket(headers: Iterable[_PAIR]) -> bool:
    """Whether `Upgrade` offers a WebSocket, alone or in a list."""
    return any(
        token.strip().lower() == b"websocket"
        for name, value in headers
        if name == b"upgrade"
        for token in value.split(b",")
    )


def without_upgrade(method: str, target: bytes, version: str, headers: Sequence[_PAIR]) -> bytes:
    """Return the head of the same request without its offer to upgrade, which a server may ignore
    (RFC 9110 section 7.8). What follows it is then a body like any other.
    """
    lines = [b"%s %s HTTP/%s" % (method.encode("ascii"), target, version.encode("ascii"))]
    for name, value in headers:
        if name in _HOP:
            continue
        kept = value
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            kept = b", ".join(token for token in tokens if token.lower() not in _HOP)
        if kept or name != b"connection":
            lines.append(name + b": " + kept)
    return b"\r\n".join([*lines, b"", b""])


def content_length(headers: Iterable[_PAIR]) -> int:
    """Return the length of the body, 0 where it isn't said; the parser has checked it."""
    for name, value in headers:
        if name == b"content-length":
            return int(value)
    return 0
