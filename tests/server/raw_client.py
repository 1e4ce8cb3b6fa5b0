"""A WebSocket client that does nothing by itself: for what well-behaved clients never do."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.server.sockets import PATIENCE_S


class RawClient:
    """A client that decides itself what it reads and answers: no pong and no Close goes out unless
    asked for.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: ClientProtocol
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = protocol
        self.frames: list[Frame] = []

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, receive_buffer: int | None = None, offers: Sequence[Any] = ()
    ) -> AsyncIterator["RawClient"]:
        """A connection through its handshake; `offers` are extensions."""
        protocol = ClientProtocol(parse_uri(url), extensions=list(offers) or None, max_size=None)
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (protocol.uri.host, protocol.uri.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        client = cls(reader, writer, protocol)
        try:
            protocol.send_request(protocol.connect())
            client.flush()
            while protocol.state is State.CONNECTING:
                await client.read()
                assert protocol.handshake_exc is None, protocol.handshake_exc
            yield client
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    def flush(self) -> None:
        """Send what the protocol has ready."""
        self.writer.write(b"".join(self.protocol.data_to_send()))

    def say(self, **message: Any) -> None:
        """Send a text message."""
        self.protocol.data_to_send()
        self.protocol.send_text(json.dumps(message).encode())
        self.flush()

    async def read(self) -> bool:
        """Read what is there; False at the end. What the protocol would answer stays unsent."""
        try:
            data = await asyncio.wait_for(self.reader.read(65536), PATIENCE_S)
        except ConnectionResetError:
            return False
        if not data:
            return False
        self.protocol.receive_data(data)
        self.frames += [
            event for event in self.protocol.events_received() if isinstance(event, Frame)
        ]
        return True

    def pong(self, ping: Frame) -> None:
        """Answer a ping."""
        self.protocol.data_to_send()
        self.protocol.send_pong(bytes(ping.data))
        self.flush()

    async def any_frame(self) -> Frame:
        """The next frame."""
        while not self.frames:
            assert await self.read(), "the connection ended"
        return self.frames.pop(0)

    async def frame(self, opcode: Opcode) -> Frame:
        """The next frame of a kind; those before it are dropped."""
        while True:
            frame = await self.any_frame()
            if frame.opcode is opcode:
                return frame

    async def message(self) -> dict[str, Any]:
        """The next text message."""
        body: dict[str, Any] = json.loads(bytes((await self.frame(Opcode.TEXT)).data))
        return body

    async def end(self) -> list[dict[str, Any]]:
        """Read up to the server's Close, or to the end; the text messages on the way."""
        while self.protocol.close_rcvd is None and await self.read():
            pass
        return [
            json.loads(bytes(frame.data)) for frame in self.frames if frame.opcode is Opcode.TEXT
        ]


def encode_client_frame(body: bytes) -> bytes:
    """Return one masked text frame."""
    return Frame(Opcode.TEXT, body).serialize(mask=True)
