"""Answer to a WebSocket handshake with a parsed head (RFC 6455 section 4.2). Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, Self, cast

from starlette.responses import Response
from websockets.datastructures import Headers
from websockets.extensions import Extension
from websockets.extensions.base import ServerExtensionFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from rtdash.server.ws.deflate import SharedDeflate
from rtdash.server.ws.handshake import unreadable, wrong_version

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""

_VERSION = b"13"
_UNUSUAL = {b"content-length", b"transfer-encoding", b"sec-websocket-extensions"}


class RequestHead(NamedTuple):
    """A request with `Connection: Upgrade` and `Upgrade: websocket`: names in lower case, values as
    they came.
    """

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]

    @classmethod
    def below(
        cls, prefix: str, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> Self:
        """Return the head without the path under which a proxy serves, where the proxy left it
        on.
        """
        path = prefix.encode()
        if path and target.startswith(path + b"/"):
            target = target[len(path) :]
        return cls(method.encode(), target, headers)


@dataclass(frozen=True, slots=True)
class AcceptResponse:
    """Response to a good handshake, but for the subprotocol; and what is agreed."""

    key: str
    extension: str | None = None
    extensions: Sequence[Extension] = ()

    def encode(self, subprotocol: str | None) -> bytes:
        """Return the 101."""
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {self.key}",
        ]
        if self.extension is not None:
            lines.append(f"Sec-WebSocket-Extensions: {self.extension}")
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def negotiate(head: RequestHead) -> AcceptResponse | bytes:
    """Return the accept response, or the whole refusal: 400, 405 or 426.

    The common handshake is judged here; any other by the library, which knows what is wrong with
    it, and negotiates compression.
    """
    fields = dict(head.headers)
    key = fields.get(b"sec-websocket-key", b"")
    if (
        head.method == b"GET"
        and fields.get(b"sec-websocket-version") == _VERSION
        and _KEY.fullmatch(key)
        and len(fields) == len(head.headers)  # no name stands there twice
        and fields.keys().isdisjoint(_UNUSUAL)
    ):
        return AcceptResponse(accept_key(key.decode()))
    return refusal_of(head) or _negotiate_by_library(head)


def refusal_of(head: RequestHead) -> bytes | None:
    """Return the refusal of a head that the library can't read, since a body follows it or its
    target isn't ASCII, or of another version of the protocol; None for any other.
    """
    fields = dict(head.headers)
    has_body = b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"
    if has_body or not head.target.isascii():
        return encode_response(unreadable())
    if head.method == b"GET" and fields.get(b"sec-websocket-version", _VERSION) != _VERSION:
        return encode_response(wrong_version())
    return None


def request_of(head: RequestHead) -> Request:
    """Return the head as the library's request. It takes no list in `Upgrade`; of one that has led
    here `websocket` is a part (RFC 9110 section 7.8).
    """
    fields = [(name, value) for name, value in head.headers if name != b"upgrade"]
    fields.append((b"upgrade", b"websocket"))
    headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in fields])
    return Request(head.target.decode("ascii"), headers, head.method.decode("ascii"))


def encode_response(response: Response) -> bytes:
    """Return an HTTP answer behind which the connection is closed."""
    lines = [
        b"HTTP/1.1 %d %s"
        % (response.status_code, HTTPStatus(response.status_code).phrase.encode()),
        b"connection: close",
    ]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


def _negotiate_by_library(head: RequestHead) -> AcceptResponse | bytes:
    library = ServerProtocol(extensions=[cast("ServerExtensionFactory", SharedDeflate())])
    del library.parser  # nothing is parsed here; it knows `library`, which knows it
    response = library.accept(request_of(head))
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        return response.serialize()
    return AcceptResponse(
        response.headers["Sec-WebSocket-Accept"],
        response.headers.get("Sec-WebSocket-Extensions"),
        library.extensions,
    )
