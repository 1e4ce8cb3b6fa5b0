"""The parts of a running server, as the composition hands them to routes and gateway."""

from dataclasses import dataclass, field

from rtdash.bookings import Bookings
from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.relay import Relay
from rtdash.server.auth.revocations import Revocations
from rtdash.server.auth.sign_in import SignIn
from rtdash.server.auth.tokens import Verifier
from rtdash.server.background import BackgroundTasks
from rtdash.server.http.byte_budget import ByteBudget
from rtdash.server.http.idle_connections import HttpPeer, IdleConnections
from rtdash.server.http.request_limit import RequestLimit
from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.workers import WorkerMetrics
from rtdash.server.read_your_writes import ReadYourWrites
from rtdash.server.ws.connection_manager import ConnectionManager
from rtdash.settings import Settings
from rtdash.store.database import Database
from rtdash.upcoming import Upcoming


@dataclass(slots=True)
class Services:
    """Everything that lives as long as the server. `venues` are in the order of their file;
    `worker_metrics` is there with `--workers`;
    `gateway` is set once it is built.
    """

    settings: Settings
    clock: Clock
    database: Database
    venues: dict[str, Venue]
    bookings: Bookings
    dashboard: Dashboard
    upcoming: Upcoming
    hub: Hub
    relay: Relay
    verifier: Verifier
    revocations: Revocations
    sign_in: SignIn
    limits: RequestLimit
    """By user."""
    address_limit: RequestLimit
    """By address, of requests without a known token."""
    bodies: ByteBudget
    metrics: Metrics
    idle_connections: IdleConnections[HttpPeer]
    read_your_writes: ReadYourWrites
    tasks: BackgroundTasks
    worker_metrics: WorkerMetrics | None
    connection_manager: ConnectionManager = field(init=False)
