"""Registry of a process's WebSocket connections: admission, timers, drain."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket

from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.server_session import Rates
from rtdash.relay import Relay
from rtdash.server.auth.revocations import Revocations
from rtdash.server.auth.tokens import Principal, Verifier
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.logs import facts
from rtdash.server.metrics.registry import Metrics
from rtdash.server.ws.action_queue import ResaveSession
from rtdash.server.ws.admission import Admission
from rtdash.server.ws.asgi_transport import AsgiPendingUpgrade
from rtdash.server.ws.checkpoints import Checkpoints
from rtdash.server.ws.connection import JITTER_MS, Connection
from rtdash.server.ws.connection_limits import ConnectionLimits, surplus
from rtdash.server.ws.context import ConnectionContext
from rtdash.server.ws.fast_handshake import FastHandshake
from rtdash.server.ws.session_registry import TAKEN_OVER, Heartbeat, SessionRegistry
from rtdash.server.ws.session_writer import SessionWriter
from rtdash.server.ws.takeover_credits import TakeoverCredits
from rtdash.server.ws.timing_wheel import TICK_S, TimingWheel
from rtdash.server.ws.transport import Transport, fail
from rtdash.settings import Limits
from rtdash.store.database import Database

LATE_S = 1.0
"""A wheel that turns later than this was not turned because the process stood still: that silence
is not the peers' fault."""

LATE_PONG_S = 60.0
"""How late a pong may be, where nothing else says so, and still confirm what was before its ping:
marks are bounded."""

GAUGE_TURNS = 20
"""Turns of the wheel between two sums of what is buffered."""

FAREWELL_S = 1.5
"""How long a drain waits for the last answers to its Closes."""

JITTER_MS_A_CONNECTION = 2
"""How far a drain spreads the return of those it sends away: 500 a second."""

_log = logging.getLogger(__name__)


async def websocket_endpoint(websocket: WebSocket) -> None:
    """The route `/ws`."""
    await websocket.app.state.services.connection_manager.websocket_endpoint(websocket)


@dataclass(frozen=True, slots=True)
class ConnectionServices:
    """Services below the connections of a process."""

    limits: Limits
    clock: Clock
    database: Database
    venues: Mapping[str, Venue]
    dashboard: Dashboard
    hub: Hub
    relay: Relay
    verifier: Verifier
    revocations: Revocations
    metrics: Metrics


class ConnectionManager:
    """All connections of this process, and what they share."""

    def __init__(self, services: ConnectionServices, origins: OriginPolicy) -> None:
        limits = self.limits = services.limits
        self.clock = services.clock
        self.metrics = services.metrics
        self.connections: dict[Connection, None] = {}
        """In the order in which they came."""
        rates = Rates(
            limits.messages_per_second,
            limits.messages_burst,
            limits.limits_dry_run,
            lambda: self._count_refusal("messages_per_second"),
        )
        self.connection_limits = ConnectionLimits(limits, self._count_refusal)
        self.takeover_credits = TakeoverCredits()
        self.timing_wheel: TimingWheel[Connection] = TimingWheel(self.now())
        checkpoints = Checkpoints(
            services.hub, keep_s=limits.ping_interval_s + 2 * (limits.pong_timeout_s or LATE_PONG_S)
        )
        self.sessions: SessionRegistry[Connection] = SessionRegistry(
            services.database,
            services.clock,
            SessionWriter(
                services.database,
                services.clock,
                process=uuid4().hex,
                ttl_s=limits.session_ttl_s,
                connections_per_user=limits.connections_per_user,
            ),
        )
        self.was_late = False
        self.drain_left_s: float | None = None
        context = self._context = ConnectionContext(
            limits,
            services.clock,
            self.now,
            services.hub,
            services.relay,
            services.dashboard,
            services.metrics,
            services.venues,
            services.verifier,
            rates,
            self.connection_limits,
            self.takeover_credits,
            checkpoints,
            self.sessions,
            self.spawn,
        )
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

    @property
    def restart_allowance_ms(self) -> int:
        """Time that a restart may take, as clients get it."""
        return ceil(self.limits.restart_allowance_s * 1000)

    async def websocket_endpoint(self, websocket: WebSocket) -> None:
        """One handshake, and in the plain lane the connection behind it."""
        await self.admission.admit(AsgiPendingUpgrade(websocket))

    def open_connection(self, transport: Transport, principal: Principal) -> Connection:
        """Open a connection for a socket that stands; its place is taken already."""
        self._admitted += 1
        connection = Connection(self._context, self, transport, principal, self._admitted)
        self.connections[connection] = None
        self.metrics.connections.inc()
        _log.debug("opened", extra=connection.facts())
        connection.token_lives(principal)
        if self._revocations.is_revoked(
            principal
        ):  # between the check of the token and now: `_close_revoked` didn't see it
            connection.close(CloseCode.REVOKED, "the token has been revoked")
        return connection

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self.connections.pop(connection, None)
        self.timing_wheel.forget(connection)
        self.connection_limits.end()
        self.metrics.connections.dec()
        if not self.connections:
            self._is_empty.set()

    def plan(self, connection: Connection, at: float) -> None:
        """Look at it at that time, or sooner."""
        self.timing_wheel.plan(connection, at)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for a connection; the gateway owns the task."""
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
                    self.sessions.run(self.open_by_user, self.act_on), name="sessions"
                )
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._abort_all()
            await self.sessions.close()

    async def drain(self, reason: str = "the server restarts") -> None:
        """Admit no connection any more, and close all, spread over the drain window (guide:
        protocol, "Drain").
        """
        start = self.now()
        window_s = self.limits.drain_window_s
        self.drain_left_s = window_s
        leaving = list(self.connections)
        _log.info("draining: %s", reason, extra=facts(connections=len(leaving), window_s=window_s))
        for index, connection in enumerate(leaving):
            await self._sleep_until(start + window_s * index / len(leaving))
            self.drain_left_s = max(0.0, start + window_s - self.now())
            retry_after_ms = ceil(self.drain_left_s * 1000) + self.restart_allowance_ms
            connection.close(
                CloseCode.RESTART,
                reason,
                retry_after_ms=retry_after_ms,
                jitter_ms=JITTER_MS + JITTER_MS_A_CONNECTION * len(leaving),
            )
        self._is_empty.clear()
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), FAREWELL_S)
        self._abort_all()

    def open_by_user(self) -> Counter[str]:
        """Connections that are not about to end."""
        return Counter(
            connection.action_handler.principal.sub
            for connection in self.connections
            if connection.is_open
        )

    def act_on(self, beat: Heartbeat[Connection]) -> bool:
        """Close the connections of sessions that went to another process, and the newest of users
        with too many; return whether there were any.
        """
        for connection in beat.gone:
            if connection.is_open:
                connection.action_queue.put(ResaveSession(), self.clock())
        for connection in self.connections:
            if connection.is_open and connection.has_unsettled_session:
                connection.action_queue.put(ResaveSession(), self.clock())
        for connection in beat.superseded:
            connection.close(CloseCode.SESSION_TAKEN_OVER, TAKEN_OVER)
        limit = self.limits.connections_per_user
        now = self.now()
        too_many = (
            surplus(
                beat.leases,
                self.sessions.process,
                limit,
                lambda sub: self.takeover_credits.count(sub, now),
            )
            if limit
            else {}
        )
        for sub, number in too_many.items():
            if self.connection_limits.refuses("connections_per_user"):
                theirs = [
                    one
                    for one in self.connections
                    if one.is_open and one.action_handler.principal.sub == sub
                ]
                for connection in theirs[-number:]:
                    connection.close(
                        CloseCode.TOO_MANY_CONNECTIONS,
                        f"more than {limit} connections of this user are open: close one",
                    )
        return bool(beat.superseded or too_many)

    async def _turn(self) -> None:
        last, turns = self.now(), 0
        while True:
            await asyncio.sleep(TICK_S)
            now, turns = self.now(), turns + 1
            self.was_late, last = now - last > TICK_S + LATE_S, now
            for connection in self.timing_wheel.due(now):
                _look(connection, now)
            if turns % GAUGE_TURNS == 0:
                self.metrics.buffered_bytes.set(
                    sum(connection.transport.buffered_bytes() for connection in self.connections)
                )

    async def _sleep_until(self, instant: float) -> None:
        wait_s = instant - self.now()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _abort_all(self) -> None:
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


def _look(connection: Connection, now: float) -> None:
    try:
        connection.look(now)
    except Exception:  # noqa: BLE001
        # a fault in one connection must not stop the wheel for all others
        fail(connection.transport, connection)
