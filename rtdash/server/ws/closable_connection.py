"""Sending and ending side of a connection: answers, errors, timers, Closes, and the socket's end."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, cast

from rtdash.protocol.actions import ActionRefused
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.server_session import ErrorReply, ServerSession
from rtdash.server.auth.tokens import Principal
from rtdash.server.logs import facts
from rtdash.server.ws.action_handler import ActionHandler
from rtdash.server.ws.action_queue import ActionQueue
from rtdash.server.ws.connection_context import ConnectionContext, ConnectionHost
from rtdash.server.ws.connection_deadlines import ConnectionDeadlines
from rtdash.server.ws.farewell import (
    CLOSE_REASON_BYTES,
    CLOSE_TIMEOUT_S,
    JITTER_MS,
    REFUSED_TIMEOUT_S,
    farewell,
)
from rtdash.server.ws.keepalive import Keepalive, keepalive_config
from rtdash.server.ws.send_queue import SendQueue
from rtdash.server.ws.transport import Transport, TransportListener, fail

_log = logging.getLogger(__name__)


class ClosableConnection:
    """Sending and ending side of a connection; all of it is synchronous."""

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
        self.deadlines = ConnectionDeadlines(keepalive, context.limits.idle_timeout_s, now)
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
        fail(self.transport, cast("TransportListener", self))

    def lost(self) -> None:
        """Forget everything: the socket has ended."""
        if not self._is_lost:
            self._end(self._closing or CloseCode.NORMAL)
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("ended", extra=self.facts(code=int(self._closing or CloseCode.NORMAL)))
            self._is_lost = True
            self.action_handler.detach()
            self.host.forget(self)
            # they know this object: without the garbage collector all would stay for ever
            del self.action_handler, self.action_queue

    def follows_anything(self, anything: bool) -> None:
        """Note whether the connection follows something, or has begun to be idle."""
        self.deadlines.follows(self.context.now(), anything=anything)
        self.host.schedule(self, self.deadlines.next_at)

    def token_lives(self, principal: Principal) -> None:
        """Plan by the token with which the connection goes on."""
        left = principal.expires_at - self.context.clock()
        leeway_s = self.context.limits.jwt_leeway_s
        self.deadlines.token_lives(self.context.now(), left.total_seconds(), leeway_s)
        self.host.schedule(self, self.deadlines.next_at)

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
        self.send_queue.shutdown()
        self.action_handler.leave()
        self.action_queue.shutdown()

    def _abort_after(self, patience_s: float) -> None:
        asyncio.get_running_loop().call_later(patience_s, self._abort)

    def _abort(self) -> None:
        if not self._is_lost:
            self.transport.abort()
