"""Context that all connections of a process share: the services below them, and the counts and
tables that they keep together.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.server_session import Rates
from rtdash.relay import Relay
from rtdash.server.auth.tokens import Verifier
from rtdash.server.metrics.registry import Metrics
from rtdash.server.ws.checkpoints import Checkpoints
from rtdash.server.ws.connection_limits import ConnectionLimits
from rtdash.server.ws.session_registry import SessionRegistry
from rtdash.server.ws.takeover_credits import TakeoverCredits
from rtdash.settings import Limits


class Peer(Protocol):
    """The connection of a client, as its actions and subscriptions need it."""

    @property
    def is_open(self) -> bool:
        """Whether messages still go out."""

    def close(self, code: CloseCode, reason: str, *, is_marked: bool = True) -> None:
        """Say why, and close."""


@dataclass(slots=True)
class ConnectionContext:
    """`now` gives the seconds by which durations go; `spawn` runs something for a connection and
    owns the task.
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
    spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
