"""One connection: what comes in from its peer."""

from rtdash.protocol import answers
from rtdash.protocol.actions import ActionRefused, Ping
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.server_session import ErrorReply
from rtdash.server.ws.checkpoints import CHECKPOINT_BYTES
from rtdash.server.ws.closable_connection import ClosableConnection
from rtdash.server.ws.farewell import (
    CLOSE_TIMEOUT_S,
    JITTER_MS,
    REFUSED_TIMEOUT_S,
)


class ServerConnection(ClosableConnection):
    """Connection of a client to the server, the listener of its transport; all of it is
    synchronous.
    """

    __slots__ = ()

    def text_received(self, text: str) -> None:
        """Carry out one message, after those before it."""
        if not self.is_open:
            return
        now = self.deadlines.keepalive.heard_at = self.context.now()
        if 0 < self.context.limits.message_limit_bytes < len(text):
            # only a dry run lets it come this far
            self.context.connection_limits.refuses("message_limit_bytes")
        said = self._speech.receive(text, now)
        match said:
            case _ if self.action_queue.is_busy:
                self.action_queue.put(said, self.context.clock())
            case ErrorReply():
                self.reply(said)
            case Ping():
                self.send((answers.pong(self.context.clock(), id=said.id),))
            case _:
                self.action_queue.put(said, self.context.clock())

    def binary_received(self) -> None:
        """Refuse a binary frame: it is not of this protocol."""
        if self.frame_received():
            self.refuse(
                ActionRefused(
                    ErrorCode.BAD_REQUEST, "send text frames: binary ones mean nothing here"
                )
            )

    def frame_received(self) -> bool:
        """Count a frame that needs no answer; it shows that the peer lives."""
        if not self.is_open:
            return False
        now = self.deadlines.keepalive.heard_at = self.context.now()
        refused = self._speech.frame_received(now)
        if refused is not None:
            self.reply(refused)
        return refused is None and self.is_open

    def ping_received(self) -> bool:
        """Whether to answer a ping: not one too many, nor when more answers wait already than may."""
        return self.frame_received() and self.send_queue.has_room()

    def pong_received(self, payload: bytes) -> None:
        """Confirm what was handed over before that ping."""
        if self.frame_received() and len(payload) == CHECKPOINT_BYTES:
            self.action_handler.confirm(int.from_bytes(payload, "big"))

    def frame_refused(self, code: int, reason: str) -> None:
        """Say why, and leave: the transport is about to close."""
        if self.is_open:
            if code == CloseCode.TOO_BIG:
                self.context.connection_limits.refuses("message_limit_bytes")
            self._leave_with(code, reason, 0, JITTER_MS)
            self._abort_after(REFUSED_TIMEOUT_S)

    def close_received(self, code: int | None) -> None:
        """Note that the peer goes, or that it answers our Close, as the same code shows: then what
        was handed over before has arrived.

        A Close of another code may have crossed ours, from a peer that had not read so far (RFC
        6455 section 7.1.5).
        """
        if self._closing is None:
            self._end(CloseCode.NORMAL)
            self._abort_after(CLOSE_TIMEOUT_S)
        elif code == self._closing:
            self.action_handler.confirm_close()

    def pause_writing(self) -> None:
        """See SendQueue.pause."""
        self.send_queue.pause()

    def resume_writing(self) -> None:
        """See SendQueue.resume."""
        self.send_queue.resume()
