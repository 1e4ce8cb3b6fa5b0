"""A WebSocket client of the fewest possible bytes and instructions: it takes in and counts, samples
latencies, or stops reading.
"""

import asyncio
import os
import socket
import struct
import time
from contextlib import suppress
from datetime import datetime

_REQUEST = (
    "GET /ws?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection:"
    " Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_STAMP = b'"timestamp":"'
_STAMP_LENGTH = len("2026-01-02T03:04:05.678Z")


def frame(
    payload: bytes,
    *,
    first: int = 0x81,
    mask: bytes | None = b"\x00\x00\x00\x00",
    length: bytes | None = None,
) -> bytes:
    """A frame of a client; `first` is its first byte, `length` what it claims, `mask` None leaves
    it unmasked.
    """
    size = len(payload)
    flag = 0x80 if mask is not None else 0
    if length is None and size < 126:
        length = bytes((flag | size,))
    elif length is None:
        length = (
            bytes((flag | 126,)) + struct.pack("!H", size)
            if size < 65536
            else bytes((flag | 127,)) + struct.pack("!Q", size)
        )
    if mask is None:
        return bytes((first,)) + length + payload
    masked = (
        bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        if any(mask)
        else payload
    )
    return bytes((first,)) + length + mask + masked


class Tap(asyncio.Protocol):
    """Follows the channel. `reads` False: it stops reading once it is subscribed."""

    def __init__(self, token: str, *, reads: bool) -> None:
        self.latencies_s: list[float] = []
        self.received = 0
        self.is_subscribed = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._token = token
        self._reads = reads
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, token: str, *, reads: bool) -> "Tap":
        """One that is subscribed."""
        end = socket.socket()
        if not reads:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(end, ("127.0.0.1", port))
        _, tap = await loop.create_connection(lambda: cls(token, reads=reads), sock=end)
        await asyncio.wait_for(tap.is_subscribed, 30)
        return tap

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to be let in."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_REQUEST.format(token=self._token).encode())

    def data_received(self, data: bytes) -> None:
        """Count it, and sample how old the last event in it is."""
        if not self.is_subscribed.done():
            self._begin(data)
            return
        self.received += len(data)
        place = data.rfind(_STAMP)
        if place >= 0 and len(data) >= place + len(_STAMP) + _STAMP_LENGTH:
            stamp = data[place + len(_STAMP) :][:_STAMP_LENGTH].decode()
            with suppress(ValueError):
                self.latencies_s.append(time.time() - datetime.fromisoformat(stamp).timestamp())

    def _begin(self, data: bytes) -> None:
        if b" 101 " in data:
            subscribe = b'{"action":"subscribe","channels":["restaurant_reservations"]}'
            self._transport.write(frame(subscribe, mask=os.urandom(4)))
        elif b'"subscribed"' in data:
            self.is_subscribed.set_result(None)
            if not self._reads:
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self.ended.set()

    def abort(self) -> None:
        """End it."""
        self._transport.abort()
