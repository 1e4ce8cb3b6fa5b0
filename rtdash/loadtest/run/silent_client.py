"""A client that has died without a word: it subscribes, and from then on answers no ping. A right
server ends its connection within the time of its heartbeat.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from rtdash.client.api_errors import NotAllowed
from rtdash.client.websocket_connection import ConnectionDropped
from rtdash.loadtest.generator.dial import has_upgraded, request_channels, request_upgrade
from rtdash.loadtest.generator.socket_connection import READ_BYTES
from rtdash.protocol.channels import Channel

HEARTBEAT_S = 35.0
"""Default of a server that isn't ours: a ping every 25 s, 10 s for its answer."""
SLACK = 1.5
"""Times the heartbeat: what is open for longer is kept."""
LEAST_SLACK_S = 3.0
_CONNECT_S = 10.0
_AGAIN_S = 1.0


class SilentClient:
    """Client that never answers a ping, over the whole run. `heartbeat_s`: within which the server
    should notice.
    """

    def __init__(
        self, url: str, token: str, channels: Iterable[Channel], heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self.closed_after_s: list[float] = []
        """How long after the last byte that it sent each of its connections was closed."""
        self.is_open = False
        self._url = url
        self._token = token
        self._channels = tuple(channels)
        self._heartbeat_s = heartbeat_s
        self._silent_since: float | None = None

    @property
    def kept(self) -> int | None:
        """Return 1 when a connection is open far beyond the heartbeat, 0 when one was closed in
        time; None when neither is known yet.
        """
        since = self._silent_since
        bound_s = max(self._heartbeat_s * SLACK, self._heartbeat_s + LEAST_SLACK_S)
        if since is not None and time.monotonic() - since > bound_s:
            return 1
        return 0 if self.closed_after_s else None

    async def stay_silent(self) -> None:
        """Connect, subscribe, fall silent; again when closed, until cancelled."""
        while True:
            with suppress(OSError, TimeoutError, ConnectionDropped, NotAllowed):
                await self._be_silent()
            self.is_open, self._silent_since = False, None
            await asyncio.sleep(_AGAIN_S)

    async def _be_silent(self) -> None:
        parts = urlsplit(self._url)
        is_secure = parts.scheme == "wss"
        port = parts.port or (443 if is_secure else 80)
        context = ssl.create_default_context() if is_secure else None
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._subscribe(reader, writer)
            self.is_open, self._silent_since = True, time.monotonic()
            # Whatever comes is read, pings included, and nothing is sent.
            while await reader.read(READ_BYTES):
                pass
        finally:
            if self._silent_since is not None:
                self.closed_after_s.append(time.monotonic() - self._silent_since)
            writer.transport.abort()

    async def _subscribe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = request_upgrade(self._url, self._token)
        writer.writelines(protocol.data_to_send())
        while not has_upgraded(protocol, await reader.read(READ_BYTES)):
            pass
        request_channels(protocol, self._channels)
        writer.writelines(protocol.data_to_send())
