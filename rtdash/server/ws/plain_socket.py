"""Sockets of the plain lane: uvicorn's WebSocket protocol, mended where a peer could fill memory or
log with what no app sees.
"""

import logging
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import Protocol

from rtdash.protocol.codes import CloseCode
from rtdash.protocol.frames import PONG_HEAD
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.ws.upgrade import RequestHead, refusal_of, request_of

REFUSED_LINGER_S = 1.0
"""How long a peer that is refused may hold the socket to read why."""

REFUSALS = {
    CloseCode.UNAUTHENTICATED,
    CloseCode.TOKEN_EXPIRED,
    CloseCode.REVOKED,
    CloseCode.TOO_MANY_CONNECTIONS,
    CloseCode.OVERLOADED,
}

_log = logging.getLogger(__name__)


class PlainSocket(WebSocketsSansIOProtocol):
    """Protocol given to uvicorn as `ws=`. Control frames and empty fragments never reach an app, so
    they are bounded here. Of a socket that has ended it leaves nothing to the garbage collector.
    """

    @staticmethod
    def upgrade(http: HttpProtocol, early: bytes) -> None:
        """Take over the socket of a handshake with a parsed head; `early` came behind it.

        uvicorn would write the head down and parse it again, with bounds of its own.
        """
        transport = http.transport
        scope = http.scope
        head = RequestHead.below(scope["root_path"], scope["method"], http.url, http.headers)
        if refusal := refusal_of(head):
            transport.write(refusal)
            transport.close()
            return
        socket = cast(
            "PlainSocket",
            http.ws_protocol_class(  # type: ignore[misc, call-arg]
                config=http.config, server_state=http.server_state, app_state=http.app_state
            ),
        )
        socket.connection_made(transport)
        client = http.request_client()
        socket.client = (client.host, 0)
        socket.scheme = "wss" if client.is_secure else "ws"
        transport.set_protocol(socket)
        socket.begin(head)
        if early:
            socket.data_received(early)

    def begin(self, head: RequestHead) -> None:
        """Start with the handshake; frames follow it."""
        self._early: list[bytes] = []
        conn = self.conn
        conn.parser = Protocol.parse(conn)
        next(conn.parser)
        self.handle_connect(request_of(head))

    def data_received(self, data: bytes) -> None:
        """Hold frames that come before the handshake is answered: a pong would stand before the
        101, and a bad frame meet a socket that has no way yet to close.
        """
        if self.handshake_complete:
            super().data_received(data)
        else:
            self._early.append(data)
            self.transport.pause_reading()

    async def send(self, message: Any) -> None:
        """Give a peer that is refused a second to read why, instead of ten. Read what came early
        once it is let in.
        """
        if message["type"] == "websocket.close" and message.get("code") in REFUSALS:
            self.close_timeout = REFUSED_LINGER_S
        await super().send(message)
        if message["type"] == "websocket.accept":
            early, self._early = self._early, []
            if early and not self.transport.is_closing():
                self.transport.resume_reading()
                self.data_received(b"".join(early))

    def send_receive_event_to_app(self) -> None:
        """Close on text that is not UTF-8 with a line in the log: it is the peer's fault, and no
        traceback of ours.
        """
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                _log.info("closed: a text frame that is not UTF-8")
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Leave out pongs for a peer that doesn't read: it may do without (RFC 6455 section 5.5.3),
        and they would pile up.
        """
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.write(
                b"".join(
                    output
                    for output in self.conn.data_to_send()
                    if not output.startswith(PONG_HEAD)
                )
            )

    def handle_cont(self, event: Frame) -> None:
        """Skip empty fragments: they add nothing to a message, and there may be any number of
        them.
        """
        if event.data or event.fin:
            super().handle_cont(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cut the parser loose, which knows what knows it."""
        super().connection_lost(exc)
        del self.conn.parser
