"""Rules on the head of an HTTP request that the parser leaves to the server. Pure."""

from collections.abc import Iterable, Sequence
from enum import Enum
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
"""Of a whole head, for REST and for handshakes alike; with a token of the longest kind it has a
sixth of that."""
MAX_FIELDS = 128
"""Fields of a head: each costs some 120 bytes, however short it is."""

_PAIR = tuple[bytes, bytes]
_HOP = {b"upgrade", b"http2-settings"}


class HeadRefusal(Enum):
    """Refusal of a head: status, and the text of the answer."""

    UNREADABLE = (400, "The request can't be read: it is not HTTP/1.1.")
    HOST = (400, "Send one Host field (RFC 9112 section 3.2).")
    TWO_TOKENS = (400, "Send one Authorization field.")
    METHOD = (405, "CONNECT is for proxies, and this is none.")
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
    unknown which is meant.
    """
    if method == b"CONNECT":
        return HeadRefusal.METHOD
    if len(headers) > MAX_FIELDS:
        return HeadRefusal.TOO_LARGE
    hosts = authorizations = 0
    for name, _ in headers:
        if name == b"host":
            hosts += 1
        elif name == b"authorization":
            authorizations += 1
    if hosts > 1 or (not hosts and version == "1.1"):
        return HeadRefusal.HOST
    return HeadRefusal.TWO_TOKENS if authorizations > 1 else None


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
