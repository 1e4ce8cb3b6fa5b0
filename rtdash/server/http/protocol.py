"""uvicorn's HTTP class with bounds on what a peer may take: for a request's head, for its body, for
reading the answer.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from rtdash.server.http.idle_connections import IdleConnections
from rtdash.server.ws.fast_handshake import FastHandshake, PeerAddress
from rtdash.server.ws.handshake import unreadable
from rtdash.server.ws.upgrade import RequestHead
from rtdash.settings import Limits

MAX_HEAD_BYTES = 64 * 1024
"""Of a head that is not whole yet; with a token of the longest kind it has a sixth of that."""
BODY_TIMEOUT_S = 60.0
"""For a whole body: the largest one, 8 MiB, then needs 1.1 Mbit/s."""
UNREAD_TIMEOUT_S = 30.0
"""How long an answer may wait in the buffer for a peer that doesn't read it."""


class Phase(Enum):
    """What the server waits for from a peer, by the limit that bounds it."""

    HEAD = "handshake_timeout_s"
    BODY = "body_timeout_s"


@dataclass(frozen=True, slots=True)
class HttpEdge:
    """What the HTTP connections of a process share. `fast_handshake` is None on the plain lane,
    where uvicorn's own WebSocket class takes upgrades.
    """

    limits: Limits
    refusals: Counter
    idle_connections: IdleConnections[Any]
    fast_handshake: FastHandshake | None


class HttpProtocol(HttpToolsProtocol):
    """Given to uvicorn as `http=`. A peer that keeps the server waiting is dropped: what never
    becomes a request holds no socket.

    A head has `handshake_timeout_s`. uvicorn itself ends a connection that is kept alive after 5 s
    without a byte. A request that comes
    in one piece sets no timer.
    """

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        edge: HttpEdge = app_state["http_edge"]
        self._patience_s = {
            Phase.HEAD: edge.limits.handshake_timeout_s,
            Phase.BODY: BODY_TIMEOUT_S,
        }
        self._refusals = edge.refusals
        self._idle_connections = edge.idle_connections
        self._fast_handshake = edge.fast_handshake
        self._is_dry_run = edge.limits.limits_dry_run
        self._phase: Phase | None = None
        self._timed: Phase | None = None
        self._head_bytes = 0
        self._is_upgraded = False
        self._incoming: asyncio.TimerHandle | None = None
        self._outgoing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head may come from now on."""
        super().connection_made(transport)
        self._expect(Phase.HEAD)
        idle = self._idle_connections.enter(self)
        if idle is not None:
            self._refusals.labels("http_connections").inc()
            if not self._is_dry_run:
                idle.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes or goes any more."""
        self._expect(None)
        self._stop_emptying()
        self._idle_connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What is still missing after it has its time; also a head of which nothing came but empty
        lines.
        """
        if self._phase is not Phase.HEAD:
            self._head_bytes = 0
        super().data_received(data)
        if self._is_upgraded:
            return
        if self._phase is Phase.HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._give_up("head_limit_bytes")
                return
        is_between = self._phase is None and (self.cycle is None or self.cycle.response_complete)
        awaited = Phase.HEAD if is_between and self.timeout_keep_alive_task is None else self._phase
        if awaited is not self._timed:
            self._expect(awaited)

    def handle_websocket_upgrade(self) -> None:
        """The socket goes to the lane, and its times with it."""
        self._is_upgraded = True
        self._expect(None)
        self._idle_connections.leave(self)
        if self._fast_handshake is None:
            self._hand_to_uvicorn()
        else:
            self.connections.discard(self)
            head = RequestHead(self.scope["method"].encode(), self.url, self.headers)
            client = PeerAddress(self.client[0] if self.client else "", self.scheme == "https")
            self._fast_handshake.knock(self.transport, self.connections, head, client)
        # it knows this object, which knows it: together they would wait for the garbage collector
        del self.parser

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._phase = Phase.HEAD

    def on_headers_complete(self) -> None:
        """It is whole; the body follows."""
        super().on_headers_complete()
        self._phase = Phase.BODY
        self._idle_connections.stir(self)
        if not self.parser.should_upgrade():
            self.headers = cast(
                "list[tuple[bytes, bytes]]", deque(maxlen=0)
            )  # trailers: nobody reads them, and nothing bounds them

    def on_message_complete(self) -> None:
        """The body is whole."""
        super().on_message_complete()
        self._phase = None
        if self._timed is Phase.BODY:
            self._expect(None)

    def on_response_complete(self) -> None:
        """The answer is written, and the peer has to read it."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._empty()

    def pause_writing(self) -> None:
        """More is written than the peer reads."""
        super().pause_writing()
        self._empty()

    def resume_writing(self) -> None:
        """It has read."""
        self._stop_emptying()
        super().resume_writing()

    def _hand_to_uvicorn(self) -> None:
        """Its WebSocket class parses the head again; one that it can't read would stay there for
        ever.
        """
        super().handle_websocket_upgrade()
        lane = cast("WebSocketsSansIOProtocol", self.transport.get_protocol())
        if not lane.handshake_initiated:
            self.send_400_response(bytes(unreadable().body).decode())

    def _expect(self, phase: Phase | None) -> None:
        if self._incoming is not None:
            self._incoming.cancel()
            self._incoming = None
        self._timed = phase
        if phase is not None and self._patience_s[phase]:
            self._incoming = self.loop.call_later(
                self._patience_s[phase], self._give_up, phase.value
            )

    def _empty(self) -> None:
        if self._outgoing is None:
            self._outgoing = self.loop.call_later(UNREAD_TIMEOUT_S, self._end_unread)

    def _stop_emptying(self) -> None:
        if self._outgoing is not None:
            self._outgoing.cancel()
            self._outgoing = None

    def _end_unread(self) -> None:
        self._outgoing = None
        if self.transport.get_write_buffer_size():
            self._give_up("unread_timeout_s")

    def _give_up(self, limit: str) -> None:
        self._refusals.labels(limit).inc()
        self.transport.abort()
