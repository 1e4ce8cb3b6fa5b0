"""The parts of a running server, as the composition hands them to routes and gateway."""

from dataclasses import dataclass, field

from rtdash.bookings import Bookings
from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.relay import Relay
from rtdash.server.auth import Verifier
from rtdash.server.crowd import Crowd, HttpPeer
from rtdash.server.limits import RequestLimit
from rtdash.server.metrics import Metrics
from rtdash.server.rest.own_writes import OwnWrites
from rtdash.server.rest.upcoming_lists import UpcomingLists
from rtdash.server.revocations import Revocations
from rtdash.server.siblings import Siblings
from rtdash.server.socket.gateway import Gateway
from rtdash.server.tasks import Tasks
from rtdash.settings import Settings
from rtdash.store.database import Database
from rtdash.upcoming import Upcoming


@dataclass(slots=True)
class Parts:
    """Everything that lives as long as the server. `venues` are in the order of their file;
    `siblings` are there with `--workers`;
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
    limits: RequestLimit
    metrics: Metrics
    crowd: Crowd[HttpPeer]
    own_writes: OwnWrites
    upcoming_lists: UpcomingLists
    tasks: Tasks
    siblings: Siblings | None
    gateway: Gateway = field(init=False)
