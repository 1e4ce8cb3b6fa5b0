"""The plain lane: a Starlette WebSocket of any ASGI server, behind the same seam as the fast
lane.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from rtdash.hub import EncodedBatch
from rtdash.protocol.codes import CloseCode
from rtdash.server.ws.handshake import Handshake, parse_query, without_secrets
from rtdash.server.ws.transport import Transport, TransportLimits, TransportListener, fail

_LOW_WATER_SHARE = 4
"""Writing resumes once the buffer is down to this fraction of the high water mark."""


class AsgiPendingUpgrade:
    """A handshake that an ASGI server has parsed."""

    def __init__(self, websocket: WebSocket) -> None:
        query = parse_query(websocket.scope["query_string"])
        fields = dict(websocket.headers) | {
            "sec-websocket-protocol": ",".join(websocket.scope.get("subprotocols", ()))
        }
        address = websocket.client.host if websocket.client else ""
        self.asked = Handshake.parse(
            fields, dict(query), address=address, is_secure=websocket.url.scheme == "wss"
        )
        websocket.scope["query_string"] = without_secrets(query)  # servers like to log it
        self._websocket = websocket

    async def deny(self, response: Response) -> None:
        """Servers without that extension of ASGI make a bare 403 of it."""
        if "websocket.http.response" in (self._websocket.scope.get("extensions") or {}):
            await self._websocket.send_denial_response(response)
        else:
            await self._websocket.close()

    async def accept(self) -> None:
        """See PendingUpgrade."""
        await self._websocket.accept(self.asked.subprotocol)

    async def serve(
        self, receiver_of: Callable[[Transport], TransportListener], rules: TransportLimits
    ) -> None:
        """Until it has ended."""
        transport = AsgiTransport(self._websocket, rules)
        await transport.serve(receiver_of(transport))

    async def reject(self, farewell: bytes, code: int, reason: str) -> None:
        """See PendingUpgrade."""
        await self._websocket.send_text(farewell.decode())
        await self._websocket.close(code, reason)


class AsgiTransport:
    """A queue that the receiver bounds (it looks at `buffered_bytes`), a task that writes it, and
    the endpoint's own coroutine that reads.
    """

    can_ping = False
    write = None

    receiver: TransportListener

    def __init__(self, websocket: WebSocket, rules: TransportLimits) -> None:
        self._websocket = websocket
        self._rules = rules
        self._outgoing: deque[str] = deque()
        self._buffered = 0
        self._is_paused = False
        self._closing: tuple[int, str] | None = None
        self._is_over = False
        self._wake = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self, receiver: TransportListener) -> None:
        """Carry messages until the socket ends or is aborted."""
        self.receiver = receiver
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())]
        try:
            await asyncio.wait(self._tasks[:1])
        finally:
            self._is_over = True
            for task in self._tasks:
                task.cancel()
            receiver.lost()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()  # each holds what ended it, and with that this object
            del self.receiver

    def send(self, bodies: Sequence[bytes]) -> None:
        """Queue messages."""
        if self._is_over or self._closing is not None:
            return
        self._outgoing.extend(body.decode() for body in bodies)
        self._buffered += sum(map(len, bodies))
        self._wake.set()
        if self._buffered > self._rules.high_water_bytes and not self._is_paused:
            self._is_paused = True
            self.receiver.pause_writing()

    def send_batch(self, batch: EncodedBatch) -> None:
        """Queue the messages of a flush."""
        self.send(batch.bodies)

    def ping(self, payload: bytes) -> None:
        """ASGI has no pings: the server below sends its own."""

    def close(self, code: int, reason: str) -> None:
        """Close behind what is queued."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    def abort(self) -> None:
        """End the conversation; the server below ends the socket."""
        for task in self._tasks:
            task.cancel()

    def buffered_bytes(self) -> int:
        """Return the bytes that are queued."""
        return self._buffered

    def pause_reading(self) -> None:
        """Take nothing more from the peer."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Take from the peer again."""
        self._reading.set()

    async def _read(self) -> None:
        while True:
            await self._reading.wait()
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self.receiver.close_received(
                    None
                )  # servers say this of their own close, too: it proves nothing
                return
            try:
                self._receive(message.get("text"))
            except Exception:  # noqa: BLE001
                fail(self, self.receiver)

    def _receive(self, text: str | None) -> None:
        if text is None:
            self.receiver.binary_received()
        elif (
            self._rules.message_limit_bytes and len(text.encode()) > self._rules.message_limit_bytes
        ):
            self.receiver.frame_refused(CloseCode.TOO_BIG, "the message is too big")
            self.close(CloseCode.TOO_BIG, "too big")
        else:
            self.receiver.text_received(text)

    async def _write(self) -> None:
        with suppress(
            OSError, RuntimeError, WebSocketDisconnect
        ):  # the peer has gone: the reader hears of it
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    await self._send_next()
                if self._closing is not None:
                    await self._websocket.close(*self._closing)
                    return

    async def _send_next(self) -> None:
        text = self._outgoing.popleft()
        await self._websocket.send_text(text)
        self._buffered -= len(text) if text.isascii() else len(text.encode())
        if self._is_paused and self._buffered * _LOW_WATER_SHARE <= self._rules.high_water_bytes:
            self._is_paused = False
            self.receiver.resume_writing()
