"""One connection: what comes in, when it is looked at, how it ends. What goes out is the Outbox's,
what it means the Conversation's.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any, Protocol, assert_never

from rtdash.protocol import answers
from rtdash.protocol.actions import ActionRefused, Ping
from rtdash.protocol.codes import RETRY_AFTER_MS, CloseCode, ErrorCode, may_reconnect
from rtdash.protocol.messages import disconnect_message, encode, token_expiring_message
from rtdash.protocol.server_session import ErrorReply, ServerSession
from rtdash.server.auth.tokens import Principal
from rtdash.server.logs import facts
from rtdash.server.ws.action_handler import ActionHandler
from rtdash.server.ws.action_queue import ActionQueue
from rtdash.server.ws.checkpoints import CHECKPOINT_BYTES
from rtdash.server.ws.context import ConnectionContext
from rtdash.server.ws.deadlines import Deadlines, Due
from rtdash.server.ws.keepalive import Keepalive, KeepaliveConfig
from rtdash.server.ws.send_queue import SendQueue
from rtdash.server.ws.transport import Transport, fail
from rtdash.settings import Limits

CLOSE_TIMEOUT_S = 5.0
"""How long a peer may take to read what is left and answer a Close; then the socket is aborted."""

REFUSED_TIMEOUT_S = 1.0
"""The same for a peer that has answered nothing for a while already, or that broke the framing."""

_SHOWN_ID = 8
"""Characters of a session's id in the log: enough to find it, too few to resume it."""

JITTER_MS = 1000
CLOSE_REASON_BYTES = 123
_log = logging.getLogger(__name__)


class Host(Protocol):
    """Owner of connections: it checks them by the clock, and forgets those that have ended."""

    was_late: bool

    def plan(self, connection: "Connection", at: float) -> None:
        """Look at it at that time."""

    def forget(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""


class Connection:
    """The receiver of a link; all of it is synchronous."""

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
        host: Host,
        transport: Transport,
        principal: Principal,
        serial: int,
    ) -> None:
        now = context.now()
        self.context = context
        self.host = host
        self.transport = transport
        self.serial = serial
        self.deadlines = Deadlines(
            Keepalive(_keepalive_config(context.limits, transport), now, serial),
            context.limits.idle_timeout_s,
            now,
        )
        self.send_queue = SendQueue(
            transport, context.hub, context.clock, context.limits.buffer_limit_bytes, self._overflow
        )
        self.action_handler = ActionHandler(self, context, principal)
        self.action_queue = ActionQueue(transport, self.action_handler.carry_out, context.spawn)
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
        return facts(
            connection=self.serial,
            session=session.id[:_SHOWN_ID] if session else None,
            user=user,
            **more,
        )

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
            self.action_handler.part()
        self._leave_with(code, reason, retry_after_ms, jitter_ms)
        self.transport.close(code, reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore"))
        self._abort_after(REFUSED_TIMEOUT_S if code is CloseCode.NO_PONG else CLOSE_TIMEOUT_S)

    def shutdown(self) -> None:
        """The server ends without a drain."""
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
        """The socket has ended."""
        if not self._is_lost:
            self._end(self._closing or CloseCode.NORMAL)
            _log.debug("ended", extra=self.facts(code=int(self._closing or CloseCode.NORMAL)))
            self._is_lost = True
            self.action_handler.detach()
            self.host.forget(self)
            del (
                self.action_handler,
                self.action_queue,
            )  # they know this object: without the garbage collector all would stay for ever

    def text_received(self, text: str) -> None:
        """One message: carried out after those before it."""
        if not self.is_open:
            return
        now = self.deadlines.keepalive.heard_at = self.context.now()
        if 0 < self.context.limits.message_limit_bytes < len(text):
            self.context.connection_limits.refuses(
                "message_limit_bytes"
            )  # only a dry run lets it come this far
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
        """Not of this protocol."""
        if self.frame_received():
            self.refuse(
                ActionRefused(
                    ErrorCode.BAD_REQUEST, "send text frames: binary ones mean nothing here"
                )
            )

    def frame_received(self) -> bool:
        """A frame that needs no answer: it counts, and shows that the peer lives."""
        if not self.is_open:
            return False
        now = self.deadlines.keepalive.heard_at = self.context.now()
        refused = self._speech.frame_received(now)
        if refused is not None:
            self.reply(refused)
        return refused is None and self.is_open

    def ping_received(self) -> bool:
        """A ping is answered, unless it is one too many, or more answers wait already than may."""
        return self.frame_received() and self.send_queue.has_room()

    def pong_received(self, payload: bytes) -> None:
        """Confirm what was handed over before that ping."""
        if self.frame_received() and len(payload) == CHECKPOINT_BYTES:
            self.action_handler.confirm(int.from_bytes(payload, "big"))

    def frame_refused(self, code: int, reason: str) -> None:
        """The link is about to close: say why, and leave."""
        if self.is_open:
            if code == CloseCode.TOO_BIG:
                self.context.connection_limits.refuses("message_limit_bytes")
            self._leave_with(code, reason, 0, JITTER_MS)
            self._abort_after(REFUSED_TIMEOUT_S)

    def close_received(self, code: int | None) -> None:
        """The peer goes; or it answers our Close, as the same code shows: then what was handed over
        before has arrived.

        A Close of another code may have crossed ours, from a peer that had not read so far (RFC
        6455 section 7.1.5).
        """
        if self._closing is None:
            self._end(CloseCode.NORMAL)
            self._abort_after(CLOSE_TIMEOUT_S)
        elif code == self._closing:
            self.action_handler.confirm_parting()

    def pause_writing(self) -> None:
        """See SendQueue.pause."""
        self.send_queue.pause()

    def resume_writing(self) -> None:
        """See SendQueue.resume."""
        self.send_queue.resume()

    def follows_anything(self, anything: bool) -> None:
        """Whether the connection follows something, or has begun to be idle."""
        self.deadlines.follows(self.context.now(), anything=anything)
        self.host.plan(self, self.deadlines.next_at)

    def token_lives(self, principal: Principal) -> None:
        """The token with which it goes on."""
        left = principal.expires_at - self.context.clock()
        leeway_s = self.context.limits.jwt_leeway_s
        self.deadlines.token_lives(self.context.now(), left.total_seconds(), leeway_s)
        self.host.plan(self, self.deadlines.next_at)

    def look(self, now: float) -> None:
        """Do what is due by the clock, and say when to look again."""
        while self.is_open:
            is_excused = self.action_queue.is_deaf or self.host.was_late
            due = self.deadlines.look(
                now,
                self.transport.buffered_bytes(),
                is_busy=self.action_queue.is_busy,
                is_excused=is_excused,
            )
            if due is None:
                self.host.plan(self, self.deadlines.next_at)
                return
            self._do(due)

    def _do(self, due: Due) -> None:
        match due:
            case Due.PING:
                self.send_queue.flush()
                self.transport.ping(self.action_handler.mark().to_bytes(CHECKPOINT_BYTES, "big"))
            case Due.WARN:
                expires_at = self.action_handler.principal.expires_at
                self.send(
                    (
                        encode(
                            token_expiring_message(
                                expires_at=expires_at, timestamp=self.context.clock()
                            )
                        ),
                    )
                )
            case Due.EXPIRED:
                self.close(
                    CloseCode.TOKEN_EXPIRED, "the token has expired: come back with a new one"
                )
            case Due.IDLE:
                self.close(
                    CloseCode.IDLE, "nothing was subscribed: subscribe soon after connecting"
                )
            case Due.DEAD:
                self.close(CloseCode.NO_PONG, "nothing came in answer to a ping", is_marked=False)
            case _:
                assert_never(due)

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
        farewell = disconnect_message(
            code=code,
            reason=reason,
            reconnect=may_reconnect(code),
            retry_after_ms=retry_after_ms or RETRY_AFTER_MS.get(code, 0),
            jitter_ms=jitter_ms,
            timestamp=self.context.clock(),
        )
        self.transport.send((encode(farewell),))
        self.context.metrics.evictions.labels(str(int(code))).inc()
        level = (
            logging.DEBUG if code == CloseCode.RESTART else logging.INFO
        )  # a drain says it of everybody
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


def _keepalive_config(limits: Limits, transport: Transport) -> KeepaliveConfig:
    """The heartbeat of a link; a server that hides pings from its app does them itself."""
    return KeepaliveConfig(
        limits.ping_interval_s if transport.can_ping and limits.ping_interval_s else inf,
        limits.pong_timeout_s or inf,
    )
