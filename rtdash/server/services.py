"""The parts of a running server, as the composition hands them to routes and connections."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from rtdash.bookings import Bookings
from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.relay import Relay
from rtdash.server.auth.keys import Keys
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.sign_in import SignIn
from rtdash.server.auth.tokens import Verifier
from rtdash.server.background import BackgroundTasks
from rtdash.server.http.byte_budget import ByteBudget
from rtdash.server.http.idle_connections import HttpPeer, IdleConnections
from rtdash.server.http.request_limit import RequestLimit
from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.worker_metrics import WorkerMetrics
from rtdash.server.read_your_writes import ReadYourWrites
from rtdash.server.ws.connection_manager import ConnectionManager
from rtdash.settings import Limits, Settings
from rtdash.store.database import Database
from rtdash.upcoming import Upcoming
from rtdash.webhooks import WebhookSenders

ADDRESS_FACTOR = 2
"""Requests without a known token that an address may make, against those of one user."""


@dataclass(slots=True)
class Services:
    """Parts that live as long as the server. `venues` are in the order of their file;
    `worker_metrics` is there with `--workers`; `connection_manager` is set once it is built;
    `is_stopping` from the beginning of the end.
    """

    settings: Settings
    clock: Clock
    database: Database
    venues: dict[str, Venue]
    bookings: Bookings
    dashboard: Dashboard
    upcoming: Upcoming
    webhooks: WebhookSenders
    hub: Hub
    relay: Relay
    keys: Keys
    verifier: Verifier
    revocations: RevocationList
    sign_in: SignIn
    limits: RequestLimit
    """By user."""
    address_limit: RequestLimit
    """By address, of requests without a known token."""
    bodies: ByteBudget
    decoding_turn: asyncio.Lock
    """Held by the list of operations that is decoded next."""
    metrics: Metrics
    idle_connections: IdleConnections[HttpPeer]
    read_your_writes: ReadYourWrites
    tasks: BackgroundTasks
    worker_metrics: WorkerMetrics | None
    connection_manager: ConnectionManager = field(init=False)
    is_stopping: bool = False

    def change_limits(self, limits: Limits) -> None:
        """Put other limits into force. Connections that are open keep the times they began with."""
        self.settings.limits.adopt(limits)
        self.limits.change(
            limits.requests_per_second, limits.requests_burst, dry_run=limits.limits_dry_run
        )
        self.address_limit.change(
            ADDRESS_FACTOR * limits.requests_per_second,
            ADDRESS_FACTOR * limits.requests_burst,
            dry_run=limits.limits_dry_run,
        )

    def change_venues(self, venues: Mapping[str, Venue]) -> None:
        """Put new and changed venues into force. One that is gone stays until the restart, as
        clients may follow it.
        """
        changed = {**venues, **{one: self.venues[one] for one in self.venues if one not in venues}}
        for known in (self.venues, self.bookings.venues):
            known.clear()
            known.update(changed)
        for venue_id in venues:
            self.dashboard.mark_dirty(venue_id)
