"""HTTP protocol of a connection, with bounds on what a peer may take: for a request's head, for its
body, for reading the answer, and on what waits behind an answer.
"""

import asyncio
from collections import deque
from functools import lru_cache
from typing import Any, cast

from rtdash.server.http.deferred_protocol import DeferredHttpProtocol
from rtdash.server.http.edge import HttpEdge
from rtdash.server.http.peer_address import PeerAddress, normalise
from rtdash.server.http.peer_timers import PeerPhase, PeerTimers
from rtdash.server.http.request_head import HeadRefusal, check_head, origin_form
from rtdash.server.http.unread_answers import reset

MAX_HELD_BYTES = 256 * 1024
"""Of requests that came while one was being answered: reading is paused then, and what was on its
way before the pause is far less."""

KEEP_FOR_EVER_S = 10 * 365 * 86_400
"""Meaning of 0: event loops know no word for never."""

_THIS_MACHINE = "127.0.0.1"
_normalise_peer = lru_cache(maxsize=4096)(normalise)
_NO_FIELDS: Any = deque(maxlen=0)


class HttpProtocol(DeferredHttpProtocol):
    """Protocol given to uvicorn as `http=`. A peer that keeps the server waiting is dropped: what
    never becomes a request holds no socket.

    A head has `handshake_timeout_s`; a connection between two requests `keep_alive_s`. A request
    that comes in one piece sets no timer.
    """

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        edge = self._edge = cast("HttpEdge", app_state["http_edge"])
        self.peer = PeerAddress("", is_secure=False)
        self._timers = PeerTimers(self.loop, edge.limits.handshake_timeout_s, self._give_up)
        self._charged_bytes = 0
        self._refusal: HeadRefusal | None = None
        self._is_body_withheld = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head from now on."""
        super().connection_made(transport)
        # a peer on a Unix socket has no address: it is on this machine
        host, port = self.client or (_THIS_MACHINE, 0)
        self.client = (_normalise_peer(host), port)
        self.peer = PeerAddress(self.client[0], self.scheme == "https")
        self._timers.expect(PeerPhase.HEAD)
        idle = self._edge.idle_connections.enter(self)
        if idle is not None:
            self._count("http_connections")
            if not self._edge.limits.limits_dry_run:
                idle.transport.abort()

    def build(self) -> None:
        """See DeferredHttpProtocol."""
        client = self.client
        super().build()
        self.client = client
        self.timeout_keep_alive = cast("int", self._edge.limits.keep_alive_s or KEEP_FOR_EVER_S)

    def take_handshake(self) -> None:
        """Hand the socket to the WebSocket's lane."""
        self.scope = cast("Any", {"method": "GET"})
        self._note_proxies()
        self._hand_over(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection: nothing comes or goes any more."""
        self.end_reading()
        self._timers.stop()
        self._edge.unread.forget(self)
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Start the request, if its head is sound."""
        refusal = check_head(self.parser.get_method(), self.parser.get_http_version(), self.headers)
        if refusal is not None:
            self._stop_parsing(refusal)
        self._edge.idle_connections.touch(self)
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url)
        self._note_proxies()
        super().on_headers_complete()
        if not self._is_upgrading:
            # Trailers come by the callback of fields: nothing reads them, and nothing bounds them.
            self.headers = _NO_FIELDS

    def on_body(self, body: bytes) -> None:
        """Hand the bytes to the request."""
        if self._is_body_withheld:
            self._is_body_withheld, self.cycle.keep_alive = False, True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Give the body no more time."""
        super().on_message_complete()
        if self._timers.awaited is PeerPhase.BODY:
            self._timers.expect(None)

    def on_response_complete(self) -> None:
        """Give the peer its time to read the answer."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._note_unread()

    def pause_writing(self) -> None:
        """Give the peer its time: more is written than it reads."""
        super().pause_writing()
        self._note_unread()

    def resume_writing(self) -> None:
        """Note that the peer has read."""
        self._timers.has_read()
        self._edge.unread.forget(self)
        super().resume_writing()

    def shutdown(self) -> None:
        """Close the connection behind the answer that is under way."""
        self._is_body_withheld = False
        super().shutdown()

    def request_client(self) -> PeerAddress:
        """Return the client that the head at hand comes from, as a trusted proxy says."""
        return self._edge.proxies.client(self.peer, self.headers)

    def refuse(self, refusal: HeadRefusal) -> None:
        """Answer with an error, and count one of a limit."""
        if refusal in {HeadRefusal.TOO_LARGE, HeadRefusal.FRAMING}:
            self._count("head_limit_bytes")
        super().refuse(refusal)

    def refusal_of_head(self) -> HeadRefusal | None:
        """Return why a callback has stopped the parser, if one has."""
        return self._refusal

    def end_reading(self) -> None:
        """Take nothing more from the peer by HTTP. Idempotent."""
        super().end_reading()
        self._timers.expect(None)
        self._edge.idle_connections.leave(self)
        if self._charged_bytes:
            self._charge(0)

    def upgrade(self, early: bytes) -> None:
        """Hand the socket to the WebSocket's lane."""
        self._timers.stop()
        self._edge.unread.forget(self)
        self._edge.upgrade(self, early)

    def bound_rest(self) -> None:
        """Bound what is held and what is not whole, in bytes and in time; also a head of which
        nothing came but empty lines.
        """
        if self.held or self._charged_bytes or self.phase is PeerPhase.HEAD:
            self._bound_bytes()
        if self.is_done:
            return
        if self.held or self._upgrade_waits:
            self._timers.expect(None)  # the peer waits for us
        elif self._is_idle() and self.phase is None and self.timeout_keep_alive_task is None:
            self._timers.expect(PeerPhase.HEAD)
        else:
            self._timers.expect(self.phase)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        # An answer in place of "100 Continue" closes the connection: some peers send the body
        # behind it, others the next request (RFC 9110 section 10.1.1).
        self._is_body_withheld = cycle.waiting_for_100_continue and cycle.keep_alive
        if self._is_body_withheld:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def _bound_bytes(self) -> None:
        waiting = len(self.held) or (self.head_bytes if self.phase is PeerPhase.HEAD else 0)
        if len(self.held) > MAX_HELD_BYTES:
            self._give_up("head_limit_bytes")
        else:
            self._charge(waiting)

    def _charge(self, size: int) -> None:
        """Count the bytes held for this peer, and drop it where they are too many."""
        heads, owner = self._edge.heads, self._owner()
        heads.give_back(owner, self._charged_bytes)
        self._charged_bytes = size if not size or heads.reserve(owner, size) else 0
        if self._charged_bytes != size:
            self.end_reading()
            self.transport.abort()

    def _owner(self) -> str:
        """Return the address that bytes count for. Those of a trusted proxy count in all only: they
        are of many clients.
        """
        return "" if self.peer.host in self._edge.proxies else self.peer.host

    def _note_unread(self) -> None:
        """Wait for the peer to read; where too much waits, those go that have not for longest."""
        self._timers.expect_reading()
        unread = self.transport.get_write_buffer_size()
        for late in self._edge.unread.note(self, self._owner(), unread):
            late.drop_unread("unread_bytes")

    def drop_unread(self, limit: str) -> None:
        """End a connection that doesn't read its answer."""
        self._count(limit)
        if not self._edge.limits.limits_dry_run or limit == "unread_timeout_s":
            self.end_reading()
            reset(self.transport)

    def _note_proxies(self) -> None:
        """Note under which path it is served, and what trusted proxies say of the client."""
        self.scope["root_path"] = self._edge.root_path
        if self._edge.proxies:
            client = self.request_client()
            self.scope["client"] = (client.host, 0)
            self.scope["scheme"] = "https" if client.is_secure else "http"
            if prefix := self._edge.proxies.prefix(self.peer, self.headers):
                self.scope["root_path"] = prefix

    def _stop_parsing(self, refusal: HeadRefusal) -> None:
        """Raise through the parser, which makes an error of its own of it."""
        self._refusal = refusal
        raise ValueError(refusal)

    def _give_up(self, limit: str) -> None:
        if limit == "unread_timeout_s":
            self._edge.unread.forget(self)
            if self.transport.get_write_buffer_size():
                self.drop_unread(limit)
            return
        self._count(limit)
        self.end_reading()
        self.transport.abort()

    def _count(self, limit: str) -> None:
        self._edge.refusals.labels(limit).inc()
