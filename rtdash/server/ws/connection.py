"""One connection: its input, its deadlines, its end. The send queue has its output, the action
handler the meaning of its input.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from rtdash.protocol import answers
from rtdash.protocol.actions import ActionRefused, Ping
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.server_session import ErrorReply, ServerSession
from rtdash.server.auth.tokens import Principal
from rtdash.server.logs import facts
from rtdash.server.ws.action_handler import ActionHandler
from rtdash.server.ws.action_queue import ActionQueue
from rtdash.server.ws.checkpoints import CHECKPOINT_BYTES
from rtdash.server.ws.context import ConnectionContext, ConnectionHost
from rtdash.server.ws.deadlines import Deadlines
from rtdash.server.ws.farewell import (
    CLOSE_REASON_BYTES,
    CLOSE_TIMEOUT_S,
    JITTER_MS,
    REFUSED_TIMEOUT_S,
    farewell,
)
from rtdash.server.ws.keepalive import Keepalive, keepalive_config
from rtdash.server.ws.send_queue import SendQueue
from rtdash.server.ws.transport import Transport, fail

_log = logging.getLogger(__name__)


class Connection:
    """Connection of a client, the listener of its transport; all of it is synchronous."""

    __slots__ = (
        "_closing",
        "_is_lost",
        "_speech",
        "action_handler",
        "action_queue",
        "context",
        "deadlines",
        "host",
        "send_queue",
        "serial",
        "transport",
    )

    def __init__(
        self,
        context: ConnectionContext,
        host: ConnectionHost,
        transport: Transport,
        principal: Principal,
        serial: int,
    ) -> None:
        now = context.now()
        self.context = context
        self.host = host
        self.transport = transport
        self.serial = serial
        keepalive = Keepalive(
            keepalive_config(context.limits, can_ping=transport.can_ping), now, serial
        )
        self.deadlines = Deadlines(keepalive, context.limits.idle_timeout_s, now)
        self.send_queue = SendQueue(
            transport, context.hub, context.clock, context.limits.buffer_limit_bytes, self._overflow
        )
        self.action_handler = ActionHandler(self, context, principal)
        self.action_queue = ActionQueue(transport, self.action_handler.handle, context.spawn)
        self._speech = ServerSession(context.rates, now)
        self._closing: int | None = None
        self._is_lost = False

    @property
    def is_open(self) -> bool:
        """Whether messages still go out."""
        return self.send_queue.is_open

    @property
    def has_unsettled_session(self) -> bool:
        """Whether the session's row may not hold what the client was answered."""
        session = self.action_handler.session
        return session is not None and not session.is_settled and not self.action_queue.is_busy

    def facts(self, **more: Any) -> dict[str, Mapping[str, Any]]:
        """Facts by which a line of the log names the connection."""
        if self._is_lost:  # a task of it may still have to report a fault
            return facts(connection=self.serial, **more)
        user, session = self.action_handler.principal.sub, self.action_handler.session
        shown = session.shown_id if session else None
        return facts(connection=self.serial, session=shown, user=user, **more)

    def send(self, bodies: Sequence[bytes]) -> None:
        """See SendQueue.send."""
        self.send_queue.send(bodies)

    def refuse(self, refused: ActionRefused) -> None:
        """Answer an action that is not carried out."""
        self.reply(self._speech.refuse(refused, self.context.now()))

    def reply(self, reply: ErrorReply) -> None:
        """Send an error; close behind it when it is one too many."""
        self.send((reply.body,))
        if reply.close is not None:
            self.close(reply.close, "too many errors within a minute")

    def close(
        self,
        code: CloseCode,
        reason: str,
        *,
        retry_after_ms: int = 0,
        jitter_ms: int = JITTER_MS,
        is_marked: bool = True,
    ) -> None:
        """Leave the hub, say why, close; abort when the peer doesn't answer. `is_marked`: its
        answer confirms what was handed over.
        """
        if not self.is_open:
            return
        if is_marked:
            self.send_queue.flush()
            self.action_handler.mark_close()
        self._leave_with(code, reason, retry_after_ms, jitter_ms)
        self.transport.close(code, reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore"))
        self._abort_after(REFUSED_TIMEOUT_S if code is CloseCode.NO_PONG else CLOSE_TIMEOUT_S)

    def shutdown(self) -> None:
        """Close with the server, which ends without a drain."""
        self.close(
            CloseCode.RESTART,
            "the server restarts",
            retry_after_ms=ceil(self.context.limits.restart_allowance_s * 1000),
        )

    def fault(self) -> None:
        """End this connection after a fault in its handling, with a `disconnect` and a line in the
        log.
        """
        fail(self.transport, self)

    def lost(self) -> None:
        """Forget everything: the socket has ended."""
        if not self._is_lost:
            self._end(self._closing or CloseCode.NORMAL)
            _log.debug("ended", extra=self.facts(code=int(self._closing or CloseCode.NORMAL)))
            self._is_lost = True
            self.action_handler.detach()
            self.host.forget(self)
            # they know this object: without the garbage collector all would stay for ever
            del self.action_handler, self.action_queue

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
        """Note that the peer goes, or that it answers our Close, as the same code shows: then what was
        handed over before has arrived.

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

    def follows_anything(self, anything: bool) -> None:
        """Note whether the connection follows something, or has begun to be idle."""
        self.deadlines.follows(self.context.now(), anything=anything)
        self.host.plan(self, self.deadlines.next_at)

    def token_lives(self, principal: Principal) -> None:
        """Plan by the token with which the connection goes on."""
        left = principal.expires_at - self.context.clock()
        leeway_s = self.context.limits.jwt_leeway_s
        self.deadlines.token_lives(self.context.now(), left.total_seconds(), leeway_s)
        self.host.plan(self, self.deadlines.next_at)

    def _overflow(self) -> bool:
        """Drop a slow consumer: never an event, always the connection (guide: architecture, "Drop
        the connection, never an event"). True in a dry run: it may go on.
        """
        if not self.context.connection_limits.refuses("buffer_limit_bytes"):
            return True
        self.close(
            CloseCode.SLOW_CONSUMER,
            "you read more slowly than there is to send: come back and resume",
            is_marked=False,
        )
        return False

    def _leave_with(self, code: int, reason: str, retry_after_ms: int, jitter_ms: int) -> None:
        self.transport.send((farewell(self.context, code, reason, retry_after_ms, jitter_ms),))
        self.context.metrics.evictions.labels(str(int(code))).inc()
        # a drain says it of every connection
        level = logging.DEBUG if code == CloseCode.RESTART else logging.INFO
        _log.log(level, "closed: %s", reason, extra=self.facts(code=int(code)))
        self._end(code)

    def _end(self, code: int) -> None:
        """Send nothing more; the hub forgets the connection, and its user's place is free, in the
        same step.
        """
        if self.is_open:
            self.context.connection_limits.leave(self.action_handler.principal.sub)
        self._closing = self._closing or code
        self.send_queue.close()
        self.action_handler.leave()
        self.action_queue.close()

    def _abort_after(self, patience_s: float) -> None:
        asyncio.get_running_loop().call_later(patience_s, self._abort)

    def _abort(self) -> None:
        if not self._is_lost:
            self.transport.abort()
