"""The fast lane up to its accept: from a parsed head straight to the door, with neither ASGI nor a
second parser between.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.responses import Response
from websockets.protocol import Protocol

from rtdash.protocol.client_frames import new_parser
from rtdash.protocol.frames import text_frame
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.ws.admission import Admission
from rtdash.server.ws.connection_context import ConnectionContext
from rtdash.server.ws.eager_task import begin
from rtdash.server.ws.fast_transport import FastTransport
from rtdash.server.ws.handshake import Handshake, failed, parse_query, wrong_path
from rtdash.server.ws.transport import Transport, TransportLimits, TransportListener
from rtdash.server.ws.upgrade import AcceptResponse, RequestHead, encode_response, negotiate

SOCKET_PATH = b"/ws"
REFUSED_LINGER_S = 1.0
"""Seconds for which a refused peer may hold the socket to read why."""

MAX_EARLY_BYTES = 64 * 1024
"""Bytes that a peer may send before it has its answer; with more it isn't read until then."""

_PROTOCOLS = b"sec-websocket-protocol"
_JUDGED = frozenset({_PROTOCOLS, b"authorization", b"host", b"origin"})
_log = logging.getLogger(__name__)


class FastHandshake:
    """Handshakes of the fast lane, from the HTTP protocol straight to admission."""

    def __init__(self, context: ConnectionContext, admission: Admission) -> None:
        self._context = context
        self._admission = admission

    def upgrade(self, http: HttpProtocol, early: bytes) -> None:
        """Answer a handshake with a head that the protocol has parsed, in a task if it has to wait.
        From here on the socket is not the HTTP protocol's any more; `early` came behind the
        head.
        """
        transport = http.transport
        scope = http.scope
        head = RequestHead.below(scope["root_path"], scope["method"], http.url, http.headers)
        accept_response = negotiate(head)
        path, _, query = head.target.partition(b"?")
        if isinstance(accept_response, bytes):
            _log.debug("not a handshake: %s", accept_response[:12])
            _end(transport, accept_response)
        elif (unquote_to_bytes(path) if b"%" in path else path) != SOCKET_PATH:
            _log.debug("a handshake for %s", path.decode("latin-1"))
            _end(transport, encode_response(wrong_path()))
        else:
            client = http.request_client()
            asked = Handshake.parse(
                _fields(head),
                dict(parse_query(query)),
                address=client.host,
                is_secure=client.is_secure,
            )
            pending = FastPendingUpgrade(transport, http.connections, asked, accept_response)
            if early:
                pending.data_received(early)
            if self._context.verifier.may_wait:
                self._context.spawn(self._let_in(pending))
            else:
                begin(self._let_in(pending), self._context.spawn)

    async def _let_in(self, pending: "FastPendingUpgrade") -> None:
        try:
            await self._admission.admit(pending)
        except ConnectionError:
            pass
        except Exception:  # noqa: BLE001 - the outermost loop of a handshake
            _log.exception("a handshake failed")
            await pending.deny(failed())


class FastPendingUpgrade:
    """A PendingUpgrade, and the asyncio protocol of its socket until a FastTransport takes that
    over. `connections` is uvicorn's set of them.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        connections: set[Any],
        asked: Handshake,
        accept_response: AcceptResponse,
    ) -> None:
        self.asked = asked
        self._transport = transport
        self._connections = connections
        self._accept_response = accept_response
        self._early = bytearray()
        self._farewell: Protocol | None = None
        connections.add(self)
        transport.set_protocol(self)  # type: ignore[arg-type] # a protocol by its methods

    async def deny(self, response: Response) -> None:
        """See PendingUpgrade."""
        if not self._transport.is_closing():
            _end(self._transport, encode_response(response))

    async def accept(self) -> None:
        """Raises ConnectionError when the peer has gone."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(self._accept_response.encode(self.asked.subprotocol))

    async def serve(
        self, receiver_of: Callable[[Transport], TransportListener], rules: TransportLimits
    ) -> None:
        """Hand the socket over at once: it is a FastTransport's from here on."""
        # Nothing is awaited here, so that no byte falls between two protocols. Admission had to
        # wait for the store, and a client may have spoken meanwhile: that is in `_early`, and goes
        # to the new protocol first. Reading was paused if it was too much; the new one counts it by
        # its own limits from here on.
        link = FastTransport(
            self._transport, self._accept_response.extensions, self._connections, rules
        )
        link.receiver = receiver_of(link)
        self._connections.discard(self)
        self._connections.add(link)
        self._transport.set_protocol(link)  # type: ignore[arg-type] # see above
        if len(self._early) > MAX_EARLY_BYTES:
            link.resume_reading()
        if self._early:
            link.data_received(bytes(self._early))

    async def reject(self, farewell: bytes, code: int, reason: str) -> None:
        """The peer's Close ends it, or the end of our patience."""
        self._farewell = new_parser(self._accept_response.extensions, MAX_EARLY_BYTES)
        self._farewell.send_close(code, reason)
        self._transport.write(text_frame(farewell) + b"".join(self._farewell.data_to_send()))
        asyncio.get_running_loop().call_later(REFUSED_LINGER_S, self._transport.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Never called: the transport was there before."""

    def data_received(self, data: bytes) -> None:
        """A peer may speak before it has read the answer to its handshake."""
        if self._farewell is None:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self._transport.pause_reading()
            return
        self._farewell.receive_data(data)
        if self._farewell.close_rcvd is not None or self._farewell.parser_exc is not None:
            self._transport.close()

    def eof_received(self) -> None:
        """The transport closes itself."""

    # the transport's signature
    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that the peer has gone. Its parser knows itself: see FastTransport."""
        self._connections.discard(self)
        if self._farewell is not None:
            del self._farewell.parser

    def pause_writing(self) -> None:
        """An answer is short."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    def shutdown(self) -> None:
        """The server ends."""
        self._transport.close()


def _fields(head: RequestHead) -> dict[str, str]:
    """Return the fields that a handshake is judged by: the first of each name, but all offers of
    subprotocols: browsers send a dozen others.
    """
    fields: dict[bytes, bytes] = {}
    for name, value in head.headers:
        if name == _PROTOCOLS and name in fields:
            fields[name] += b"," + value
        elif name in _JUDGED:
            fields.setdefault(name, value)
    return {name.decode("ascii"): value.decode("latin-1") for name, value in fields.items()}


def _end(transport: asyncio.Transport, answer: bytes) -> None:
    transport.write(answer)
    transport.close()
