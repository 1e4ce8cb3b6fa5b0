"""The socket under the plain lane: uvicorn's WebSocket class, mended where a peer could fill the
memory with what no app sees.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from rtdash.protocol.frames import PONG_HEAD


class PlainSocket(WebSocketsSansIOProtocol):
    """Control frames and empty fragments never reach an app, so they are bounded here. Of a socket
    that has ended it leaves nothing to the
    garbage collector.
    """

    def handle_ping(self) -> None:
        """Who doesn't read gets no pongs: a peer may do without (RFC 6455 section 5.5.3), and they
        would pile up.
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
        """Empty fragments add nothing to a message, and there may be any number of them."""
        if event.data or event.fin:
            super().handle_cont(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """The parser knows what knows it."""
        super().connection_lost(exc)
        del self.conn.parser
