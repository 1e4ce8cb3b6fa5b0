"""The way in: load and Origin are refused before anything is allocated, identity after the accept,
with its close code.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from rtdash.protocol.actions import Resume
from rtdash.protocol.codes import RETRY_AFTER_MS, CloseCode, may_reconnect
from rtdash.protocol.messages import disconnect_message, encode
from rtdash.server.auth.tokens import Principal, TokenRefused
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.logs import facts
from rtdash.server.ws import handshake
from rtdash.server.ws.asgi_transport import AsgiPendingUpgrade
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.connection_context import ConnectionContext
from rtdash.server.ws.farewell import CLOSE_REASON_BYTES, JITTER_MS
from rtdash.server.ws.handshake import Handshake
from rtdash.server.ws.transport import PendingUpgrade, Transport, TransportLimits
from rtdash.store.database import StoreUnavailable

HIGH_WATER_BYTES = 64 * 1024
FULL_RETRY_S = 5.0

_log = logging.getLogger(__name__)


class IdentityRefused(Exception):  # noqa: N818 - a refusal, not a fault
    """Refusal of an identity; browsers see the reason only in a Close, so the handshake is accepted
    first.
    """

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ConnectionOpener(Protocol):
    """Part of the connection manager that admission needs."""

    drain_left_s: float | None

    def open_connection(self, transport: Transport, principal: Principal) -> ServerConnection:
        """Open a connection for a socket that stands."""


class Admission:
    """Admission control: turns handshakes into connections of the context."""

    def __init__(
        self, context: ConnectionContext, manager: ConnectionOpener, origins: OriginPolicy
    ) -> None:
        self._context = context
        self._manager = manager
        self._origins = origins
        limits = context.limits
        high_water = min(HIGH_WATER_BYTES, limits.buffer_limit_bytes or HIGH_WATER_BYTES)
        self._rules = TransportLimits(
            limits.longest_message_bytes, high_water, limits.compress_min_bytes
        )

    async def admit(self, pending: PendingUpgrade) -> None:
        """Serve one handshake. In the fast lane this returns when the connection stands, in the
        plain lane when it has ended.
        """
        if not self._is_from_allowed_origin(pending.asked):
            await pending.deny(handshake.wrong_origin())
        elif wait_s := self._load_wait_s(pending.asked):
            await pending.deny(handshake.full(wait_s))
        else:
            await self._identify(pending)

    def _is_from_allowed_origin(self, asked: Handshake) -> bool:
        """Whether the page that asks may: its own server's, an allowed one, or no browser at all
        (RFC 6454, RFC 6455 section 10.2).
        """
        return asked.origin is None or self._origins.allows(
            asked.origin, own=f"{'https' if asked.is_secure else 'http'}://{asked.host}"
        )

    def _load_wait_s(self, asked: Handshake) -> float:
        """Return 0.0 when there is room, else the seconds after which to try again."""
        context, left_s = self._context, self._manager.drain_left_s
        if left_s is not None:
            return left_s + context.limits.restart_allowance_s or FULL_RETRY_S
        if wait_s := context.connection_limits.handshake_wait_s(asked.address, context.now()):
            return wait_s
        return FULL_RETRY_S if context.connection_limits.is_full() else 0.0

    async def _identify(self, pending: PendingUpgrade) -> None:
        came_at = self._context.clock()
        try:
            principal = await self._principal(pending.asked)
            await self._take_place(principal.sub, pending.asked.session)
        except IdentityRefused as refused:
            await self._reject_after_accept(pending, refused)
            return
        try:
            await pending.accept()
        except BaseException:
            self._context.connection_limits.leave(principal.sub)
            self._context.connection_limits.end()
            raise

        def open_connection(transport: Transport) -> ServerConnection:
            connection = self._manager.open_connection(transport, principal)
            if pending.asked.session is not None and connection.is_open:
                connection.action_queue.put(Resume(None, pending.asked.session, {}), came_at)
            return connection

        # From the accept to here nothing is awaited: frames of the peer would be lost.
        await pending.serve(open_connection, self._rules)

    async def _principal(self, asked: Handshake) -> Principal:
        if asked.token is None:
            raise IdentityRefused(
                CloseCode.UNAUTHENTICATED,
                "send a token: ?token=…, Authorization: Bearer …, or the subprotocol bearer.…",
            )
        verifier, limits = self._context.verifier, self._context.limits
        try:
            if not verifier.may_wait:  # a timeout would cost more than the check of the token
                return await verifier.authenticate(asked.token)
            async with asyncio.timeout(limits.handshake_timeout_s or None):
                return await verifier.authenticate(asked.token)
        except TokenRefused as refused:
            code = (
                CloseCode.TOKEN_EXPIRED
                if refused.expired
                else CloseCode.REVOKED
                if refused.revoked
                else CloseCode.UNAUTHENTICATED
            )
            raise IdentityRefused(code, refused.reason) from None
        except TimeoutError:
            raise IdentityRefused(
                CloseCode.OVERLOADED, "the token could not be checked in time: come back later"
            ) from None

    async def _take_place(self, sub: str, session_id: str | None) -> None:
        """Take a place in the user's count; a resume gets that of the connection which it takes
        over, in whatever process that is.
        """
        context = self._context
        older = context.sessions.holder(session_id) if session_id else None
        leaving = int(
            older is not None and older.is_open and older.action_handler.principal.sub == sub
        )
        if (
            self._has_all_places(sub, leaving)
            and older is None
            and session_id
            and await self._comes_from_elsewhere(sub, session_id)
        ):
            context.takeover_credits.note(sub, context.now())
        if self._has_all_places(sub, leaving) and context.connection_limits.refuses(
            "connections_per_user"
        ):
            limit = context.limits.connections_per_user
            raise IdentityRefused(
                CloseCode.TOO_MANY_CONNECTIONS,
                f"{limit} connections of this user are open, and no more are allowed: close one",
            )
        context.connection_limits.enter(sub)

    def _has_all_places(self, sub: str, leaving: int) -> bool:
        context = self._context
        counted_twice = context.takeover_credits.count(sub, context.now())
        return context.connection_limits.has_all(
            sub, context.sessions.elsewhere, leaving=leaving + counted_twice
        )

    async def _comes_from_elsewhere(self, sub: str, session_id: str) -> bool:
        try:
            return await self._context.sessions.writer.is_counted_elsewhere(session_id, sub)
        except StoreUnavailable:
            raise IdentityRefused(
                CloseCode.OVERLOADED, "the session can't be looked up now: come back later"
            ) from None

    async def _reject_after_accept(self, pending: PendingUpgrade, refused: IdentityRefused) -> None:
        _log.info(
            "refused: %s",
            refused.reason,
            extra=facts(code=int(refused.code), address=pending.asked.address),
        )
        self._context.metrics.evictions.labels(str(int(refused.code))).inc()
        farewell = disconnect_message(
            code=refused.code,
            reason=refused.reason,
            reconnect=may_reconnect(refused.code),
            retry_after_ms=RETRY_AFTER_MS.get(refused.code, 0),
            jitter_ms=JITTER_MS,
            timestamp=self._context.clock(),
        )
        await pending.accept()
        with suppress(WebSocketDisconnect, RuntimeError):  # it has gone already
            reason = refused.reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")
            await pending.reject(encode(farewell), refused.code, reason)


async def deny_wrong_path(websocket: WebSocket) -> None:
    """The route of every other path: servers log the URLs of those they refuse by themselves, and a
    token may stand there.
    """
    _log.debug("a handshake for %s", websocket.url.path)
    await AsgiPendingUpgrade(websocket).deny(handshake.wrong_path())
