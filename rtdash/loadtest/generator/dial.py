"""Opening of a WebSocket on a plain socket, up to its upgrade; sans-I/O protocol inside."""

import socket
import ssl
from functools import cache
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.uri import parse_uri

READ_BYTES = 65_536
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_HANDSHAKE_S = 15.0


class ConnectionBroken(Exception):  # noqa: N818
    """Raised when a connection has ended, or was never open."""


def dial(
    url: str, token: str, proxy_port: int | None = None, *, compress: bool = False
) -> tuple[socket.socket, ClientProtocol]:
    """Open a WebSocket connection. Raises ConnectionBroken, OSError.

    With a `proxy_port` of this machine it connects there, and means the URL all the same: in its
    Host, and in the certificate that it checks. `compress` offers permessage-deflate.
    """
    parts = urlsplit(url)
    is_secure = parts.scheme == "wss"
    address = (parts.hostname or "", parts.port or (443 if is_secure else 80))
    connection = socket.create_connection(
        ("127.0.0.1", proxy_port) if proxy_port else address, timeout=_HANDSHAKE_S
    )
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if is_secure:
            connection = _trusting().wrap_socket(connection, server_hostname=parts.hostname)
        offers = [ClientPerMessageDeflateFactory()] if compress else None
        protocol = ClientProtocol(parse_uri(url), extensions=offers, max_size=_MAX_MESSAGE_BYTES)
        request = protocol.connect()
        request.headers["Authorization"] = f"Bearer {token}"
        protocol.send_request(request)
        flush(connection, protocol)
        _await_upgrade(connection, protocol)
    except BaseException:
        connection.close()
        raise
    return connection, protocol


def flush(connection: socket.socket, protocol: ClientProtocol) -> None:
    """Send the bytes that the protocol has ready."""
    for data in protocol.data_to_send():
        if data:  # the empty one asks for an end of the stream, which the close that follows brings
            connection.sendall(data)


def _await_upgrade(connection: socket.socket, protocol: ClientProtocol) -> None:
    while protocol.handshake_exc is None:
        data = connection.recv(READ_BYTES)
        if not data:
            raise ConnectionBroken("the connection ended before its upgrade")
        protocol.receive_data(data)
        if protocol.state.name == "OPEN":
            return
    reason: Exception = protocol.handshake_exc
    raise ConnectionBroken(
        str(reason)
        if isinstance(reason, InvalidHandshake | InvalidMessage)
        else type(reason).__name__
    )


@cache
def _trusting() -> ssl.SSLContext:
    """Return the TLS context, made once: reading the machine's certificates takes longer than a
    handshake.
    """
    return ssl.create_default_context()
