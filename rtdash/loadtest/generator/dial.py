"""Opening of a WebSocket on a socket of one's own; sans-I/O protocol inside."""

import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.protocol import State
from websockets.uri import parse_uri

from rtdash.client.websocket_connection import ConnectionDropped, refusal_of
from rtdash.loadtest.generator.socket_connection import READ_BYTES, SocketConnection, flush
from rtdash.protocol.channels import Channel
from rtdash.protocol.client_session import ClientSession

_LEAST_S = 0.001
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024


def request_upgrade(url: str, token: str, *, compress: bool = False) -> ClientProtocol:
    """Return the protocol of a new connection, with its handshake in `data_to_send`. `compress`
    offers permessage-deflate.
    """
    offers = [ClientPerMessageDeflateFactory()] if compress else None
    protocol = ClientProtocol(parse_uri(url), extensions=offers, max_size=_MAX_MESSAGE_BYTES)
    request = protocol.connect()
    request.headers["Authorization"] = f"Bearer {token}"
    protocol.send_request(request)
    return protocol


def has_upgraded(protocol: ClientProtocol, data: bytes) -> bool:
    """Take what came (nothing: the end of the stream); return whether the WebSocket stands. Raises
    ConnectionDropped; NotAllowed for an HTTP 401 or 403.
    """
    if not data:
        raise ConnectionDropped(detail="the connection ended before its upgrade")
    protocol.receive_data(data)
    reason = protocol.handshake_exc
    if isinstance(reason, InvalidStatus):
        raise refusal_of(reason)
    if reason is not None:
        raise ConnectionDropped(detail=str(reason) or type(reason).__name__)
    return protocol.state is not State.CONNECTING  # a Close may have come along


def request_channels(protocol: ClientProtocol, channels: Iterable[Channel]) -> None:
    """Add a subscription to what is to be sent, for a client that looks at no answer."""
    session = ClientSession(channels)
    session.connected()
    for text in session.outgoing():
        protocol.send_text(text.encode())


def dial(
    url: str,
    token: str,
    attempt: int,
    *,
    within_s: float,
    proxy_port: int | None = None,
    compress: bool = False,
) -> SocketConnection:
    """Open WebSocket connection number `attempt`. Raises ConnectionDropped, NotAllowed, OSError;
    TimeoutError after `within_s`.

    With a `proxy_port` of this machine it connects there, and means the URL all the same: in its
    Host, and in the certificate that it checks.
    """
    parts, until = urlsplit(url), time.monotonic() + within_s
    is_secure = parts.scheme == "wss"
    address = (parts.hostname or "", parts.port or (443 if is_secure else 80))
    connection = socket.create_connection(
        ("127.0.0.1", proxy_port) if proxy_port else address, timeout=within_s
    )
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if is_secure:
            connection = _trusting().wrap_socket(connection, server_hostname=parts.hostname)
        protocol = request_upgrade(url, token, compress=compress)
        flush(connection, protocol)
        is_open = False
        while not is_open:
            connection.settimeout(max(_LEAST_S, until - time.monotonic()))
            is_open = has_upgraded(protocol, connection.recv(READ_BYTES))
    except BaseException:
        connection.close()
        raise
    return SocketConnection(connection, protocol, attempt)


@cache
def _trusting() -> ssl.SSLContext:
    """Return the TLS context, made once: reading the machine's certificates takes longer than a
    handshake.
    """
    return ssl.create_default_context()
