"""The composition: which part is built from which, what runs beside the requests, and in what order
all of it ends.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from rtdash.bookings import Bookings
from rtdash.broker import check_broker, open_broker
from rtdash.broker.base import Broker
from rtdash.broker.memory import MemoryBroker
from rtdash.broker.notices import NoticeCodec, derive_key
from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.relay import Relay
from rtdash.server.auth.authentication import Authentication, open_identity, read_keys
from rtdash.server.background import BackgroundTasks
from rtdash.server.http.idle_connections import IdleConnections
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.metrics.collectors import read_figures
from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.worker_metrics import WorkerMetrics
from rtdash.server.open_files import fit_to_open_files
from rtdash.server.read_your_writes import ReadYourWrites
from rtdash.server.request_limits import limit_addresses, limit_bodies, limit_users
from rtdash.server.runs import list_runs
from rtdash.server.services import Services
from rtdash.server.venue_loading import load_venues
from rtdash.server.ws.connection_context import ConnectionServices
from rtdash.server.ws.connection_manager import ConnectionManager
from rtdash.server.zone_rule_changes import follow_zone_rules
from rtdash.settings import Settings, load_secret
from rtdash.store.database import Commit, Database
from rtdash.store.event_log import StoredEvent
from rtdash.store.event_reader import EventReader
from rtdash.store.shared_secret import read_shared_secret
from rtdash.upcoming import Upcoming
from rtdash.webhooks import WebhookSenders

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_parts(
    settings: Settings, clock: Clock, worker_metrics: WorkerMetrics | None = None
) -> AsyncIterator[Services]:
    """Everything of a server, running; closed in the reverse order at the end.

    Raises StoreError, BrokerUnusable, SecretUnusable, KeyUnusable, VenueFileError and OSError: each
    says what is wrong with what was configured.
    """
    settings, http_connections = fit_to_open_files(settings)
    secret = load_secret(settings)
    keys = read_keys(settings)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url,
            data_dir=settings.data,
            clock=clock,
            observer=partial(_observe, metrics),
        )
        stack.push_async_callback(database.close)
        venues = await load_venues(database, settings.venues)
        identity = await open_identity(
            settings, secret, keys, database, clock, on_refused=metrics.count_refused_token
        )
        broker, codec = await _open_broker(settings, secret, database)
        stack.push_async_callback(broker.close)
        await check_broker(broker)
        opened = OpenedResources(
            settings,
            clock,
            database,
            venues,
            broker,
            codec,
            identity,
            metrics,
            worker_metrics,
            http_connections,
        )
        await database.acquire_process_lock(alone=opened.is_alone)
        await follow_zone_rules(database, venues, clock)
        services = await _build(opened)
        stack.push_async_callback(services.relay.cancel_reads)
        stack.push_async_callback(services.dashboard.cancel_computations)
        stack.push_async_callback(services.bookings.finish)
        await stack.enter_async_context(services.tasks.running(list_runs(services)))
        yield services


async def _open_broker(
    settings: Settings, secret: str, database: Database
) -> tuple[Broker, NoticeCodec]:
    """Return the broker that the settings name, and the codec of its notices."""
    # the local secret file may differ from machine to machine; these two don't
    shared = secret if settings.secret else await database.write(read_shared_secret)
    codec = NoticeCodec(derive_key(shared))
    url = settings.broker_url
    if settings.broker is None and database.is_pooled:
        _log.info("a pooler stands before PostgreSQL, and no broker is named: one process only")
        url = "memory://"
    return open_broker(url, codec, store_url=settings.database_url), codec


@dataclass(frozen=True, slots=True)
class OpenedResources:
    """Resources opened before the rest can be built on them."""

    settings: Settings
    clock: Clock
    database: Database
    venues: dict[str, Venue]
    broker: Broker
    codec: NoticeCodec
    identity: Authentication
    metrics: Metrics
    worker_metrics: WorkerMetrics | None
    http_connections: int

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process to notify."""
        return isinstance(self.broker, MemoryBroker)


async def _build(opened: OpenedResources) -> Services:
    """The parts, wired: a commit reaches this process's sockets at once, the others by the broker,
    and dirties its venues.
    """
    clock, database, venues = opened.clock, opened.database, opened.venues
    hub = _build_hub(opened.settings.limits.compress_min_bytes)
    dashboard = Dashboard(database, hub, venues, clock)
    relay = await _build_relay(opened, hub, dashboard)
    webhooks = WebhookSenders(database, clock, AllowedAddresses.parse(opened.settings.hooks_allow))
    on_committed = partial(_spread, relay, dashboard, webhooks, opened.metrics)
    services = Services(
        settings=opened.settings,
        clock=clock,
        database=database,
        venues=venues,
        bookings=Bookings(database, clock, on_committed, venues=venues.values()),
        dashboard=dashboard,
        upcoming=Upcoming(database, venues, clock, on_committed),
        webhooks=webhooks,
        hub=hub,
        relay=relay,
        keys=opened.identity.keys,
        verifier=opened.identity.verifier,
        revocations=opened.identity.revocations,
        sign_in=opened.identity.sign_in,
        limits=limit_users(opened.settings.limits, opened.metrics),
        address_limit=limit_addresses(opened.settings.limits, opened.metrics),
        bodies=limit_bodies(opened.settings.limits, opened.metrics),
        decoding_turn=asyncio.Lock(),
        metrics=opened.metrics,
        idle_connections=IdleConnections(opened.http_connections),
        read_your_writes=ReadYourWrites(),
        tasks=BackgroundTasks(),
        worker_metrics=opened.worker_metrics,
    )
    services.connection_manager = _build_manager(opened, services)
    database.on_reopened = partial(_start_afresh, relay, dashboard, venues)
    services.metrics.follow(partial(read_figures, hub, relay, opened.codec))
    return services


def _build_hub(compress_min_bytes: int) -> Hub:
    loop = asyncio.get_running_loop()
    return Hub(loop.call_soon, loop.call_later, loop.time, compress_min_bytes=compress_min_bytes)


def _build_manager(opened: OpenedResources, services: Services) -> ConnectionManager:
    return ConnectionManager(
        ConnectionServices(
            opened.settings.limits,
            services.clock,
            services.database,
            services.venues,
            services.dashboard,
            services.hub,
            services.relay,
            opened.identity.verifier,
            opened.identity.revocations,
            opened.metrics,
        ),
        OriginPolicy(opened.settings.origins, time.monotonic),
    )


def _spread(
    relay: Relay,
    dashboard: Dashboard,
    webhooks: WebhookSenders,
    metrics: Metrics,
    events: Sequence[StoredEvent],
    venue_ids: frozenset[str],
) -> None:
    """Bring a commit to this process's connections and webhooks at once, and to the other
    processes.
    """
    for venue_id in venue_ids:
        dashboard.mark_dirty(venue_id)
    relay.announce(events)
    webhooks.wake(event.stream for event in events)
    metrics.events.add(len(events))


def _start_afresh(relay: Relay, dashboard: Dashboard, venues: Mapping[str, Venue]) -> None:
    """Look at everything again: the store was opened anew, and may have less than was read."""
    relay.require_full_poll()
    for venue_id in venues:
        dashboard.mark_dirty(venue_id)


async def _build_relay(opened: OpenedResources, hub: Hub, dashboard: Dashboard) -> Relay:
    log = EventReader(opened.database)
    epoch, _ = await log.read_heads([])
    return Relay(
        log,
        hub,
        opened.broker,
        epoch,
        clock=opened.clock,
        on_changed=lambda stream: dashboard.mark_dirty(stream.venue),
        is_alone=opened.is_alone,
    )


def _observe(metrics: Metrics, commit: Commit) -> None:
    metrics.queue_seconds.observe(commit.waited_s)
    metrics.commit_seconds.observe(commit.took_s)
