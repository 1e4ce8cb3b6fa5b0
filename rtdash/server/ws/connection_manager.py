"""Registry of a process's WebSocket connections: admission, timers, drain."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket

from rtdash.protocol.channels import Stream
from rtdash.protocol.codes import CloseCode
from rtdash.server.auth.tokens import Principal
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.ws.admission import Admission
from rtdash.server.ws.asgi_transport import AsgiPendingUpgrade
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.connection_context import ConnectionServices, build_context
from rtdash.server.ws.connection_timers import check_timers
from rtdash.server.ws.drain import drain
from rtdash.server.ws.enforcement import enforce
from rtdash.server.ws.fast_handshake import FastHandshake
from rtdash.server.ws.session_registry import Heartbeat, SessionRegistry
from rtdash.server.ws.timing_wheel import TICK_S, TimingWheel
from rtdash.server.ws.transport import Transport

LATE_S = 1.0
"""A wheel that turns later than this was not turned because the process stood still: that silence
is not the peers' fault."""

GAUGE_TURNS = 20
"""Turns of the wheel between two sums of what is buffered."""

_log = logging.getLogger(__name__)


async def websocket_endpoint(websocket: WebSocket) -> None:
    """The route `/ws`."""
    await websocket.app.state.services.connection_manager.websocket_endpoint(websocket)


class ConnectionManager:
    """All connections of this process, and what they share."""

    def __init__(self, services: ConnectionServices, origins: OriginPolicy) -> None:
        self.limits = services.limits
        self.clock = services.clock
        self.metrics = services.metrics
        self.connections: dict[ServerConnection, None] = {}
        """In the order in which they came."""
        self.timing_wheel: TimingWheel[ServerConnection] = TimingWheel(self.now())
        self.was_late = False
        self.drain_left_s: float | None = None
        context = self._context = build_context(
            services, now=self.now, spawn=self.spawn, on_refused=self._count_refusal
        )
        self.connection_limits = context.connection_limits
        self.sessions: SessionRegistry[ServerConnection] = context.sessions
        self.admission = Admission(context, self, origins)
        self.fast_handshake = FastHandshake(context, self.admission)
        self._revocations = services.revocations
        self._tasks: set[asyncio.Task[None]] = set()
        self._admitted = 0
        self._is_empty = asyncio.Event()
        services.relay.on_reset = self._announce_reset
        services.revocations.on_revoked = self._close_revoked

    @staticmethod
    def now() -> float:
        """Seconds of the clock by which durations go."""
        return time.monotonic()

    async def websocket_endpoint(self, websocket: WebSocket) -> None:
        """One handshake, and in the plain lane the connection behind it."""
        await self.admission.admit(AsgiPendingUpgrade(websocket))

    def open_connection(self, transport: Transport, principal: Principal) -> ServerConnection:
        """Open a connection for a socket that stands; its place is taken already."""
        self._admitted += 1
        connection = ServerConnection(self._context, self, transport, principal, self._admitted)
        self.connections[connection] = None
        self.metrics.connections.inc()
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("opened", extra=connection.facts())
        connection.token_lives(principal)
        if self._revocations.is_revoked(
            principal
        ):  # between the check of the token and now: `_close_revoked` didn't see it
            connection.close(CloseCode.REVOKED, "the token has been revoked")
        return connection

    def forget(self, connection: ServerConnection) -> None:
        """Forget a connection that has ended."""
        self.connections.pop(connection, None)
        self.timing_wheel.cancel(connection)
        self.connection_limits.end()
        self.metrics.connections.dec()
        if not self.connections:
            self._is_empty.set()

    def schedule(self, connection: ServerConnection, at: float) -> None:
        """Look at it at that time, or sooner."""
        self.timing_wheel.schedule(connection, at)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for a connection; the manager owns the task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self) -> None:
        """Turn the wheel and keep the sessions, until cancelled; then end what is still under
        way.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._turn(), name="timing_wheel")
                group.create_task(
                    self.sessions.maintain(self.open_by_user, self.enforce), name="sessions"
                )
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.abort_all()
            await self.sessions.end_all()

    async def drain(self, reason: str = "the server restarts") -> None:
        """Admit no connection any more, and close all, spread over the drain window (guide:
        protocol, "Drain").
        """
        await drain(self, reason)

    async def wait_until_empty(self, timeout_s: float) -> None:
        """Wait until the last connection has ended, for that long at most."""
        self._is_empty.clear()
        if self.connections:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._is_empty.wait()

    def open_by_user(self) -> Counter[str]:
        """Connections that are not about to end."""
        return Counter(
            connection.action_handler.principal.sub
            for connection in self.connections
            if connection.is_open
        )

    def enforce(self, heartbeat: Heartbeat[ServerConnection]) -> bool:
        """Close the connections of sessions that went to another process, and the newest of users
        with too many; return whether there were any.
        """
        return enforce(heartbeat, self.connections, self._context)

    async def _turn(self) -> None:
        last, turns = self.now(), 0
        while True:
            await asyncio.sleep(TICK_S)
            now, turns = self.now(), turns + 1
            self.was_late, last = now - last > TICK_S + LATE_S, now
            for connection in self.timing_wheel.due(now):
                check_timers(connection, now, was_late=self.was_late)
            if turns % GAUGE_TURNS == 0:
                self.metrics.buffered_bytes.set(
                    sum(connection.transport.buffered_bytes() for connection in self.connections)
                )

    def abort_all(self) -> None:
        """Abort the connections that haven't answered their Close: their sockets would keep the
        loop from ending.
        """
        for connection in tuple(self.connections):
            connection.transport.abort()

    def _announce_reset(self, stream: Stream, reason: str) -> None:
        for connection in tuple(self.connections):
            connection.action_handler.announce_reset(stream, reason)

    def _close_revoked(self) -> None:
        for connection in tuple(self.connections):
            if self._revocations.is_revoked(connection.action_handler.principal):
                connection.close(CloseCode.REVOKED, "the token has been revoked")

    def _count_refusal(self, limit: str) -> None:
        self.metrics.limit_refusals.labels(limit).inc()
