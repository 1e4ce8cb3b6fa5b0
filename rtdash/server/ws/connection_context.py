"""Context that all connections of a process share: the services below them, and the counts and
tables that they keep together.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.server_session import Rates
from rtdash.relay import Relay
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.tokens import Verifier
from rtdash.server.metrics.registry import Metrics
from rtdash.server.ws.checkpoints import Checkpoints
from rtdash.server.ws.connection_limits import ConnectionLimits
from rtdash.server.ws.replay_turns import ReplayTurns
from rtdash.server.ws.session_registry import SessionRegistry
from rtdash.server.ws.session_writer import SessionWriter
from rtdash.server.ws.takeover_credits import TakeoverCredits
from rtdash.settings import Limits
from rtdash.store.database import Database

LATE_PONG_S = 60.0
"""Time in which a pong, where no limit says so, still confirms what was before its ping:
checkpoints are bounded."""


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
    revocations: RevocationList
    metrics: Metrics


class Peer(Protocol):
    """The connection of a client, as its actions and subscriptions need it."""

    @property
    def is_open(self) -> bool:
        """Whether messages still go out."""

    def close(self, code: CloseCode, reason: str, *, is_marked: bool = True) -> None:
        """Say why, and close."""


class ConnectionHost(Protocol):
    """Owner of connections: it checks them by the clock, and forgets those that have ended."""

    def schedule(self, connection: Any, at: float) -> None:
        """Check the connection at that time, or sooner."""

    def forget(self, connection: Any) -> None:
        """Forget a connection that has ended."""


@dataclass(slots=True)
class ConnectionContext:
    """Context of the connections of a process. `now` gives the seconds by which durations go;
    `spawn` runs something for a connection and owns the task.
    """

    limits: Limits
    clock: Clock
    now: Callable[[], float]
    hub: Hub
    relay: Relay
    dashboard: Dashboard
    metrics: Metrics
    venues: Mapping[str, Venue]
    verifier: Verifier
    rates: Rates
    connection_limits: ConnectionLimits
    takeover_credits: TakeoverCredits
    checkpoints: Checkpoints
    sessions: SessionRegistry[Any]
    replay_turns: ReplayTurns
    spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


def build_context(
    services: ConnectionServices,
    *,
    now: Callable[[], float],
    spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    on_refused: Callable[[str], None],
) -> ConnectionContext:
    """Make the counts and tables that connections share, beside the services. `on_refused` gets the
    name of a limit whenever it refuses.
    """
    limits = services.limits
    sessions = _session_registry(services)
    late_pong_s = limits.pong_timeout_s or LATE_PONG_S
    return ConnectionContext(
        limits,
        services.clock,
        now,
        services.hub,
        services.relay,
        services.dashboard,
        services.metrics,
        services.venues,
        services.verifier,
        Rates(
            limits.messages_per_second,
            limits.messages_burst,
            limits.limits_dry_run,
            lambda: on_refused("messages_per_second"),
        ),
        ConnectionLimits(limits, on_refused),
        TakeoverCredits(),
        Checkpoints(services.hub, keep_s=limits.ping_interval_s + 2 * late_pong_s),
        sessions,
        ReplayTurns(lambda: sessions.writer.groups.is_storm, _call_later, now),
        spawn,
    )


def _call_later(delay_s: float, act: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(delay_s, act)


def _session_registry(services: ConnectionServices) -> SessionRegistry[Any]:
    writer = SessionWriter(
        services.database,
        services.clock,
        process=uuid4().hex,
        ttl_s=services.limits.session_ttl_s,
        connections_per_user=services.limits.connections_per_user,
    )
    return SessionRegistry(services.database, services.clock, writer)
