"""uvicorn's HTTP protocol with one request after the other, and with upgrades in their turn."""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rtdash.server.http.held_reading import HeldReading
from rtdash.server.http.joined_writes import JoinedWrites
from rtdash.server.http.peer_timers import PeerPhase
from rtdash.server.http.request_head import (
    FRAMING_FACTOR,
    HEAD_END,
    MAX_FIELDS,
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    HeadRefusal,
    asks_for_websocket,
    content_length,
    without_upgrade,
)

_STEP_BYTES = 4_096
"""Of a head that are parsed before its fields are counted: the shortest fields are four bytes."""


class OrderedHttpProtocol(HttpToolsProtocol):
    """HTTP protocol that parses the next request when the one before is answered and the peer has
    read so far.

    A peer that sends thousands of requests in one segment has them wait as bytes, not as requests
    (RFC 9112 section 9.3.2 leaves that to the server). Subclasses bound what waits.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.held = b""
        """Bytes that came while a request was being answered, not parsed yet."""
        self.phase: PeerPhase | None = None
        self.head_bytes = 0
        self.is_done = False
        """Whether the connection was refused or handed over: nothing of it is parsed any more."""
        self._writes: JoinedWrites | None = None
        self._body_left = 0
        self._framing_bytes = 0
        self._is_upgrading = False
        self._upgrade_waits = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.flow: HeldReading = HeldReading(transport)
        self._writes = JoinedWrites(transport, self.loop)

    def data_received(self, data: bytes) -> None:
        """Parse it, or hold it while a request is being answered."""
        if self.is_done or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self.held or not self._may_parse():
            self._hold(data)
        else:
            self._parse(data)

    def on_message_begin(self) -> None:
        """Begin a head with its first byte."""
        super().on_message_begin()
        self.phase = PeerPhase.HEAD

    def on_headers_complete(self) -> None:
        """Start the request; its body follows."""
        self.phase, self.head_bytes, self._framing_bytes = PeerPhase.BODY, 0, 0
        self._is_upgrading = self.parser.should_upgrade()
        if self._is_upgrading:
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
        else:
            self._body_left = content_length(self.headers)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand the bytes to the request."""
        self._body_left -= len(body)
        self._framing_bytes = max(0, self._framing_bytes - (1 + FRAMING_FACTOR) * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the body is whole."""
        self.phase = None
        if not self._is_upgrading:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what waits behind the answer, the whole of which is written."""
        if self._writes is not None:
            self._writes.flush()
        super().on_response_complete()
        self._go_on()

    def resume_writing(self) -> None:
        """Go on with what waits: the peer has read."""
        super().resume_writing()
        self._go_on()

    def refuse(self, refusal: HeadRefusal) -> None:
        """Answer with an error and close: what follows can't be known from the head."""
        self.end_reading()
        self.transport.write(refusal.encode())
        self.transport.close()

    def end_reading(self) -> None:
        """Take nothing more from the peer by HTTP. Idempotent."""
        self.is_done = True
        self.held = b""
        self._unset_keepalive_if_required()

    def bound_rest(self) -> None:
        """Bound what is held, and what is not whole; called when no more can be parsed."""
        raise NotImplementedError

    def upgrade(self, early: bytes) -> None:
        """Hand the socket over; `early` came behind the handshake."""
        raise NotImplementedError

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.transport = self._writes
        super()._start_asgi_task(cycle, app)

    def _may_parse(self) -> bool:
        is_answering = (
            self.cycle is not None and not self.cycle.response_complete and self.phase is None
        )
        return not (is_answering or self.pipeline or self._upgrade_waits or self.flow.write_paused)

    def _parse(self, data: bytes) -> None:
        """Parse one head after the other in steps, as long as that may go on."""
        size = len(data)
        if self.phase is None and size <= _STEP_BYTES and data.find(HEAD_END) == size - 4:
            # one whole head and nothing else, as most requests are
            if self._feed(data, data, 0):
                self.bound_rest()
            return
        at = 0
        while at < size:
            end = self._piece_end(data, at)
            if self.phase is PeerPhase.BODY:
                self._framing_bytes += end - at
            else:
                self.head_bytes += end - at
            if self.head_bytes > MAX_HEAD_BYTES:
                self.refuse(HeadRefusal.TOO_LARGE)
                return
            if not self._feed(data if end - at == size else memoryview(data)[at:end], data, at):
                return
            if self.phase is PeerPhase.HEAD and len(self.headers) > MAX_FIELDS:
                self.refuse(HeadRefusal.TOO_LARGE)
                return
            if self._framing_bytes > MAX_FRAMING_BYTES:
                self.refuse(HeadRefusal.FRAMING)
                return
            at = end
            if at < size and not self._may_parse():
                self._hold(data[at:])
                return
        self.bound_rest()

    def _feed(self, piece: bytes | memoryview, data: bytes, at: int) -> bool:
        """Parse the piece of `data` that begins at `at`. False where the connection was handed over
        or refused.
        """
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._take_upgrade(data[at + upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(self.refusal_of_head() or HeadRefusal.UNREADABLE)
        else:
            return True
        return False

    def refusal_of_head(self) -> HeadRefusal | None:
        """Return why a callback has stopped the parser, if one has."""
        return None

    def _piece_end(self, data: bytes, at: int) -> int:
        """Return where to stop parsing for a look at what has come: behind a body of known length,
        else behind the next head or a step.
        """
        if self.phase is PeerPhase.BODY and self._body_left > 0:
            return min(len(data), at + self._body_left)
        most = min(len(data), at + _STEP_BYTES)
        end = data.find(HEAD_END, at, most + 3)
        return most if end < 0 else end + len(HEAD_END)

    def _hold(self, data: bytes) -> None:
        """Keep bytes for later, and read no more until then."""
        self.held += data
        self.flow.hold()
        self.bound_rest()

    def _go_on(self) -> None:
        """Parse what was held, in a step of its own: this may be in the middle of an answer."""
        if self.held or self._upgrade_waits:
            self.loop.call_soon(self._parse_held)

    def _parse_held(self) -> None:
        if self._upgrade_waits and self._is_idle():
            self._upgrade_waits = False
        if self.is_done or self.transport.is_closing() or not self._may_parse():
            return
        held, self.held = self.held, b""
        self._unset_keepalive_if_required()
        self.flow.release()
        if self._is_upgrading:
            self._hand_over(held)
        else:
            self._parse(held)

    def _is_idle(self) -> bool:
        """Whether every request so far is answered."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete)

    def _take_upgrade(self, rest: bytes) -> None:
        """Hand a WebSocket's handshake over once what was before it is answered; read any other
        upgrade as if it were not offered.
        """
        # HTTP/1.0 knows no Upgrade, and what proxies of its time pass on is to be ignored (RFC 9110
        # section 7.8)
        if self.scope["http_version"] == "1.0" or not asks_for_websocket(self.headers):
            self._is_upgrading = False
            head = without_upgrade(
                self.scope["method"], self.url, self.scope["http_version"], self.headers
            )
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._parse(head + rest)
        elif self._is_idle():
            self._hand_over(rest)
        else:
            self._upgrade_waits = True
            self._hold(rest)

    def _hand_over(self, early: bytes) -> None:
        self.end_reading()
        self.connections.discard(self)
        self.upgrade(early)
        # it knows this object, which knows it: together they would wait for the garbage collector
        self.__dict__.pop("parser", None)
