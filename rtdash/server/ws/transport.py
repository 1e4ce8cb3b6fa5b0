"""The seam between a conversation and the socket that carries it: one Protocol each way and one for
the handshake; two lanes keep to them.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from rtdash.hub import EncodedBatch
from rtdash.protocol.codes import CloseCode
from rtdash.server.ws.handshake import Handshake

_FAULT = "the server made a mistake, which is in its log: come back"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Limits of a transport: the largest message it takes (0: any), from where on a reader counts
    as slow, what is worth deflating.
    """

    message_limit_bytes: int
    high_water_bytes: int
    compress_min_bytes: int


class Transport(Protocol):
    """One client's socket. Nothing here waits or raises; after the socket has ended, nothing here
    does anything.
    """

    can_ping: bool
    """Whether protocol pings can be sent and their pongs seen; plain ASGI offers neither."""

    @property
    def write(self) -> Callable[[bytes], object] | None:
        """Takes shared plain frames as they are; None where they need more than that. May raise
        once the socket is ending.
        """

    def send(self, bodies: Sequence[bytes]) -> None:
        """Write messages, each as a frame of its own."""

    def send_batch(self, batch: EncodedBatch) -> None:
        """Write the shared frames of a flush."""

    def ping(self, payload: bytes) -> None:
        """Write a ping."""

    def close(self, code: int, reason: str) -> None:
        """Write a Close and wait for the peer's."""

    def abort(self) -> None:
        """End the socket now, whatever is still unsent."""

    def buffered_bytes(self) -> int:
        """Return the bytes that were written and are not with the kernel yet."""

    def pause_reading(self) -> None:
        """Take nothing more from the peer."""

    def resume_reading(self) -> None:
        """Take from the peer again."""


class TransportListener(Protocol):
    """Listener of a transport. Called on the event loop, one call at a time."""

    def text_received(self, text: str) -> None:
        """A whole text message."""

    def binary_received(self) -> None:
        """A whole binary message."""

    def frame_received(self) -> bool:
        """A frame that completes no message: a fragment. False when it is one too many."""

    def ping_received(self) -> bool:
        """A ping; whether to answer it."""

    def pong_received(self, payload: bytes) -> None:
        """A pong."""

    def frame_refused(self, code: int, reason: str) -> None:
        """The peer broke the framing, and the link is about to close with that code: the last
        moment to say something.
        """

    def close_received(self, code: int | None) -> None:
        """Note that the peer has ended its side: by a Close of that code, or (None) by a bare FIN
        or in an unknown way.
        """

    def pause_writing(self) -> None:
        """The peer reads more slowly than is written."""

    def resume_writing(self) -> None:
        """Note that the peer has caught up."""

    def lost(self) -> None:
        """The socket has ended. Comes once, and last."""

    def shutdown(self) -> None:
        """The server ends."""


class PendingUpgrade(Protocol):
    """Peer that asks for a connection: the admission answers by `deny`, or by `accept` and then at
    once, in the same step, one of the other two.

    All of them may raise ConnectionError or WebSocketDisconnect when the peer has gone.
    """

    asked: Handshake

    async def deny(self, response: Response) -> None:
        """An HTTP answer instead of the handshake's."""

    async def accept(self) -> None:
        """The answer to the handshake; it is a WebSocket now."""

    async def serve(
        self, receiver_of: Callable[[Transport], TransportListener], rules: TransportLimits
    ) -> None:
        """Carry its messages from now on: a lane that has a coroutine for each returns when it has
        ended, another one at once.
        """

    async def reject(self, farewell: bytes, code: int, reason: str) -> None:
        """Write a message and a Close, and end."""


def fail(transport: Transport, receiver: TransportListener) -> None:
    """End a connection after a fault in the handling of a frame: with a `disconnect` and a line in
    the log, and without harm to any other.
    """
    _log.exception("a connection failed")
    receiver.frame_refused(CloseCode.INTERNAL_ERROR, _FAULT)
    transport.close(CloseCode.INTERNAL_ERROR, _FAULT)
