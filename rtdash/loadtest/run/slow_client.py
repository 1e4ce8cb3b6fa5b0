"""A client that stops reading but still answers, until the server closes it as a slow consumer.

Its receive buffer is small, so that what it doesn't read waits in the server.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from websockets.client import ClientProtocol

from rtdash.client.api_errors import NotAllowed
from rtdash.client.websocket_connection import ConnectionDropped
from rtdash.loadtest.generator.dial import has_upgraded, request_channels, request_upgrade
from rtdash.loadtest.generator.socket_connection import READ_BYTES
from rtdash.protocol.channels import Channel

SLOW_CONSUMER = 4001
_RECEIVE_BUFFER_BYTES = 4096
_CONNECT_S = 15.0
_FIRST_STOP_S, _LONGEST_STOP_S = 2.0, 8.0
_GROWTH = 1.5
"""The server aborts a few seconds after its Close: stops grow in steps that meet that time."""
_READ_FOR_S = 3.0
"""Through a small window, what waits takes its time; the Close comes behind it."""
_SIGN_EVERY_S = 3.0
"""Rare: what arrives at a socket that is closed already makes its system throw away the Close."""
_AGAIN_S = 0.5


class SlowClient:
    """Client that stops reading, for longer each time, and then looks whether it was closed.

    `ends` counts how its connections ended: by close code, None without one.
    """

    def __init__(self, url: str, token: str, channels: Iterable[Channel]) -> None:
        self.ends: Counter[int | None] = Counter()
        self.connections = 0
        self._url = url
        self._token = token
        self._channels = tuple(channels)

    async def run(self) -> None:
        """Connect, subscribe, stop reading; again when closed, until cancelled."""
        while True:
            with suppress(OSError, TimeoutError, ConnectionDropped, NotAllowed):
                await self._be_slow()
            await asyncio.sleep(_AGAIN_S)

    async def _be_slow(self) -> None:
        parts = urlsplit(self._url)
        loop, connection = asyncio.get_running_loop(), socket.socket()
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            connection.setblocking(False)
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(connection, (parts.hostname, parts.port or 80))
                protocol = await self._subscribe(connection)
            self.connections += 1
            stop_s = _FIRST_STOP_S
            try:
                while protocol.close_rcvd is None:
                    await self._stand_still(connection, protocol, stop_s)
                    await self._catch_up(connection, protocol)
                    stop_s = min(stop_s * _GROWTH, _LONGEST_STOP_S)
            except OSError:
                pass
            received = protocol.close_rcvd
            self.ends[None if received is None else int(received.code)] += 1

    async def _subscribe(self, connection: socket.socket) -> ClientProtocol:
        loop, protocol = asyncio.get_running_loop(), request_upgrade(self._url, self._token)
        await _flush(connection, protocol)
        while not has_upgraded(protocol, await loop.sock_recv(connection, READ_BYTES)):
            pass
        request_channels(protocol, self._channels)
        await _flush(connection, protocol)
        return protocol

    async def _stand_still(
        self, connection: socket.socket, protocol: ClientProtocol, seconds: float
    ) -> None:
        """Read nothing for so long. Pongs say that the client is alive: it is slow, not dead."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > _SIGN_EVERY_S:
            await asyncio.sleep(_SIGN_EVERY_S)
            protocol.send_pong(b"")
            await _flush(connection, protocol)
        await asyncio.sleep(left_s)

    async def _catch_up(self, connection: socket.socket, protocol: ClientProtocol) -> None:
        """Read for a while, or up to a Close."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_READ_FOR_S):
                while protocol.close_rcvd is None:
                    data = await loop.sock_recv(connection, READ_BYTES)
                    if not data:
                        raise ConnectionError("the connection ended without a Close")
                    protocol.receive_data(data)
                    protocol.events_received()


async def _flush(connection: socket.socket, protocol: ClientProtocol) -> None:
    for data in protocol.data_to_send():
        if data:
            await asyncio.get_running_loop().sock_sendall(connection, data)
