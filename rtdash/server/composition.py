"""The composition: which part is built from which, what runs beside the requests, and in what order
all of it ends.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
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
from rtdash.relay import Relay
from rtdash.server.auth.identity import Identity, open_identity, read_keys
from rtdash.server.background import BackgroundTasks, Run
from rtdash.server.housekeeping import measure_lag, probe_store, prune_events, prune_rows
from rtdash.server.http.byte_budget import BODIES_TOTAL_BYTES, BODIES_USER_BYTES, ByteBudget
from rtdash.server.http.idle_connections import IdleConnections
from rtdash.server.http.origin_policy import OriginPolicy
from rtdash.server.http.request_limit import RequestLimit
from rtdash.server.metrics.collectors import read_figures
from rtdash.server.metrics.delivery_probe import DeliveryProbe
from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.workers import WorkerMetrics
from rtdash.server.open_files import fit_to_open_files
from rtdash.server.read_your_writes import ReadYourWrites
from rtdash.server.services import ADDRESS_FACTOR, Services
from rtdash.server.state_metrics import StateMetrics
from rtdash.server.venues import load_venues
from rtdash.server.ws.connection_manager import ConnectionManager
from rtdash.server.ws.context import ConnectionServices
from rtdash.settings import Limits, Settings, load_secret
from rtdash.store.database import Commit, Database
from rtdash.store.event_log import StoredEvent
from rtdash.store.event_reader import EventReader
from rtdash.store.shared_secret import read_shared_secret
from rtdash.upcoming import Upcoming

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
        # the local secret file may differ from machine to machine; these two don't
        shared = secret if settings.secret else await database.write(read_shared_secret)
        codec = NoticeCodec(derive_key(shared))
        broker_url = settings.broker_url
        if settings.broker is None and database.is_pooled:
            _log.info("a pooler stands before PostgreSQL, and no broker is named: one process only")
            broker_url = "memory://"
        broker = open_broker(broker_url, codec, store_url=settings.database_url)
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
        services = await _build(opened)
        stack.push_async_callback(services.relay.close)
        stack.push_async_callback(services.dashboard.close)
        stack.push_async_callback(services.bookings.close)
        await stack.enter_async_context(services.tasks.running(_runs(services)))
        yield services


@dataclass(frozen=True, slots=True)
class OpenedResources:
    """Resources opened before the rest can be built on them."""

    settings: Settings
    clock: Clock
    database: Database
    venues: dict[str, Venue]
    broker: Broker
    codec: NoticeCodec
    identity: Identity
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
    loop, clock, database, venues = (
        asyncio.get_running_loop(),
        opened.clock,
        opened.database,
        opened.venues,
    )
    hub = Hub(
        loop.call_soon,
        loop.call_later,
        loop.time,
        compress_min_bytes=opened.settings.limits.compress_min_bytes,
    )
    dashboard = Dashboard(database, hub, venues, clock)
    relay = await _build_relay(opened, hub, dashboard)

    def on_committed(events: Sequence[StoredEvent], venue_ids: frozenset[str]) -> None:
        for venue_id in venue_ids:
            dashboard.mark_dirty(venue_id)
        relay.announce(events)
        opened.metrics.events.add(len(events))

    services = Services(
        settings=opened.settings,
        clock=clock,
        database=database,
        venues=venues,
        bookings=Bookings(database, clock, on_committed, venues=venues.values()),
        dashboard=dashboard,
        upcoming=Upcoming(database, venues, clock, on_committed),
        hub=hub,
        relay=relay,
        keys=opened.identity.keys,
        verifier=opened.identity.verifier,
        revocations=opened.identity.revocations,
        sign_in=opened.identity.sign_in,
        limits=_request_limit(opened.settings.limits, opened.metrics),
        address_limit=_address_limit(opened.settings.limits, opened.metrics),
        bodies=_body_budget(opened.settings.limits, opened.metrics),
        metrics=opened.metrics,
        idle_connections=IdleConnections(opened.http_connections),
        read_your_writes=ReadYourWrites(),
        tasks=BackgroundTasks(),
        worker_metrics=opened.worker_metrics,
    )
    services.connection_manager = ConnectionManager(
        ConnectionServices(
            opened.settings.limits,
            clock,
            database,
            venues,
            dashboard,
            hub,
            relay,
            opened.identity.verifier,
            opened.identity.revocations,
            opened.metrics,
        ),
        OriginPolicy(opened.settings.origins, time.monotonic),
    )
    database.on_reopened = partial(_start_afresh, relay, dashboard, venues)
    services.metrics.follow(partial(read_figures, hub, relay, opened.codec))
    return services


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


def _request_limit(limits: Limits, metrics: Metrics) -> RequestLimit:
    refused = metrics.limit_refusals.labels("requests_per_second")
    return RequestLimit(
        limits.requests_per_second,
        limits.requests_burst,
        monotonic=time.monotonic,
        dry_run=limits.limits_dry_run,
        on_refused=refused.inc,
    )


def _address_limit(limits: Limits, metrics: Metrics) -> RequestLimit:
    """Return the pace of requests without a known token: above it an address waits, however many
    users are behind it, since those are counted by themselves.
    """
    refused = metrics.limit_refusals.labels("requests_of_an_address")
    return RequestLimit(
        ADDRESS_FACTOR * limits.requests_per_second,
        ADDRESS_FACTOR * limits.requests_burst,
        monotonic=time.monotonic,
        dry_run=limits.limits_dry_run,
        on_refused=refused.inc,
    )


def _body_budget(limits: Limits, metrics: Metrics) -> ByteBudget:
    return ByteBudget(
        total_bytes=BODIES_TOTAL_BYTES,
        owner_bytes=BODIES_USER_BYTES,
        dry_run=limits.limits_dry_run,
        on_refused=metrics.limit_refusals.labels("bodies_in_flight_bytes").inc,
    )


def _observe(metrics: Metrics, commit: Commit) -> None:
    metrics.queue_seconds.observe(commit.waited_s)
    metrics.commit_seconds.observe(commit.took_s)


def _runs(services: Services) -> Mapping[str, Run]:
    """Return what runs beside the requests, by name."""
    state = StateMetrics(services)
    services.metrics.follow(state.read)
    runs: dict[str, Run] = {
        "relay": services.relay.run,
        "dashboard": services.dashboard.run,
        "upcoming": services.upcoming.run,
        "revocations": services.revocations.run,
        "connection_manager": services.connection_manager.run,
        "tidying": lambda: prune_rows(services.database, services.clock),
        "pruning": lambda: prune_events(
            services.database,
            services.clock,
            timedelta(seconds=services.settings.limits.retention_s),
        ),
        "store probe": lambda: probe_store(services.database),
        "canary": DeliveryProbe(services.hub, services.metrics).run,
        "state metrics": state.run,
        "loop lag": lambda: measure_lag(services.metrics),
    }
    if not services.settings.limits.retention_s:
        del runs["pruning"]
    if services.worker_metrics is not None:
        runs["worker_metrics"] = partial(services.worker_metrics.run, services.metrics.exposition)
    keys = services.keys
    return runs | ({"key set": keys.run} if keys.is_remote else {})
