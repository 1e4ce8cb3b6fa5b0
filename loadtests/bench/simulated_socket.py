"""A socket that is an object of the server's own process, and the client behind it."""

import asyncio
import json
from collections import Counter
from typing import Any, Protocol

from rtdash.server.http.protocol import HttpProtocol

CHANNEL = "restaurant_reservations"
_PEER = ("127.0.0.1", 50_000)
_PONG = 0x8A
_PING = 0x89


class Clients(Protocol):
    """Values that the clients of a process share."""

    counts: Counter[str]
    live: int


class SimulatedSocket(asyncio.Transport):
    """Transport to a client in this process: the peer shakes hands, subscribes, answers pings,
    and keeps the id of its session.
    """

    def __init__(self, clients: Clients, venue: str, token: str, session: str | None) -> None:
        super().__init__()
        self.session = session
        self.venue = venue
        self.token = token
        self._clients = clients
        self._protocol: Any = None
        self._is_closing = False
        self._is_resuming = session is not None
        self.is_live = False

    def dial(self, protocol: HttpProtocol) -> None:
        """Connect, and send the handshake."""
        self._protocol = protocol
        protocol.connection_made(self)
        session = f"&session={self.session}" if self.session else ""
        head = (
            f"GET /ws?token={self.token}{session} HTTP/1.1\r\nHost: fleet.example\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        protocol.data_received(head.encode())

    def drop(self) -> None:
        """Reset the connection."""
        self._is_closing = True
        self._protocol.connection_lost(ConnectionResetError())

    def write(self, data: Any) -> None:
        """Take what the server sends, and answer in a later step of the loop."""
        if data[0] == _PING:
            self._clients.counts["pings"] += 1
            payload = bytes(data[2 : 2 + data[1]])
            self._say(bytes((_PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif self.is_live:
            self._clients.counts["deliveries"] += 1
        elif data.startswith(b"HTTP/1.1 101"):
            if not self._is_resuming:
                self._say(self._subscribe())
        else:
            self._take_answer(bytes(data))

    def _subscribe(self) -> bytes:
        action = {"action": "subscribe", "channels": [CHANNEL], "venue": self.venue}
        text = json.dumps(action).encode()
        return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text

    def _take_answer(self, data: bytes) -> None:
        start = data.find(b'"session":"')
        if start < 0:
            self._clients.counts["refused"] += 1
            return
        start += len(b'"session":"')
        self.session = data[start : data.index(b'"', start)].decode()
        self.is_live = True
        self._clients.live += 1

    def _say(self, frame: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._hear, frame)

    def _hear(self, frame: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(frame)

    def set_protocol(self, protocol: Any) -> None:
        """Take another protocol, as after the upgrade."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the addresses, and no socket."""
        return _PEER if name in {"peername", "sockname"} else default

    def is_closing(self) -> bool:
        """Whether the connection has ended or is about to."""
        return self._is_closing

    def close(self) -> None:
        """End the connection, in a later step of the loop."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Hear nothing: the client says little."""

    def resume_reading(self) -> None:
        """See pause_reading."""

    def get_write_buffer_size(self) -> int:
        """Return 0: the peer has read all."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits."""

    def can_write_eof(self) -> bool:
        """Return False, as with TLS."""
        return False
