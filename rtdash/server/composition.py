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
from pathlib import Path

from rtdash.bookings import Bookings
from rtdash.broker import check_broker, open_broker
from rtdash.broker.base import Broker
from rtdash.broker.memory import MemoryBroker
from rtdash.broker.notices import NoticeCodec, derive_key
from rtdash.dashboard import Dashboard
from rtdash.domain.instants import Clock
from rtdash.domain.venue_file import check_zones, parse_venues
from rtdash.domain.venues import Venue
from rtdash.hub import Hub
from rtdash.relay import Relay
from rtdash.resources import data_path
from rtdash.server.auth.keys import Keys, read_key_file
from rtdash.server.auth.revocations import Revocations
from rtdash.server.auth.sign_in import SignIn
from rtdash.server.auth.tokens import Verifier
from rtdash.server.background import BackgroundTasks, Run
from rtdash.server.http.idle_connections import IdleConnections
from rtdash.server.http.request_limit import RequestLimit
from rtdash.server.metrics.collectors import read_figures
from rtdash.server.metrics.delivery_probe import DeliveryProbe
from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.workers import WorkerMetrics
from rtdash.server.read_your_writes import ReadYourWrites
from rtdash.server.services import Services
from rtdash.server.ws.connection_manager import ConnectionManager, ConnectionServices
from rtdash.settings import Limits, Settings, load_secret
from rtdash.store import event_log
from rtdash.store.database import Commit, Database, StoreUnavailable
from rtdash.store.event_log import StoredEvent
from rtdash.store.event_reader import EventReader
from rtdash.store.shared_secret import read_shared_secret
from rtdash.store.venues import read_venues, save_venues
from rtdash.upcoming import Upcoming

PRUNE_INTERVAL_S = 60.0
PRUNE_ROWS = 1_000
"""Events removed in one transaction, so that no write waits long behind it."""
PROBE_INTERVAL_S = 2.0
"""How soon a store that came back is noticed when nobody writes."""
LAG_INTERVAL_S = 0.02
"""A loop that stands still for longer is seen whenever it happens; so many looks cost a few
thousandths of a core."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_parts(
    settings: Settings, clock: Clock, worker_metrics: WorkerMetrics | None = None
) -> AsyncIterator[Services]:
    """Everything of a server, running; closed in the reverse order at the end.

    Raises StoreError, BrokerUnusable, SecretUnusable, KeyUnusable, VenueFileError and OSError: each
    says what is wrong with what was configured.
    """
    secret = load_secret(settings)
    keys = Keys(
        read_key_file(settings.jwt_key_file) if settings.jwt_key_file else (), settings.jwks_url
    )
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url,
            data_dir=settings.data,
            clock=clock,
            observer=partial(_observe, metrics),
        )
        stack.push_async_callback(database.close)
        venues = await _load_venues(database, settings.venues)
        revocations = Revocations(database, clock)
        await revocations.load()
        verifier = Verifier(
            secret,
            issuer=settings.issuer,
            audience=settings.audience,
            keys=keys,
            is_revoked=revocations.is_revoked,
        )
        # the local secret file may differ from machine to machine; these two don't
        shared = secret if settings.secret else await database.write(read_shared_secret)
        codec = NoticeCodec(derive_key(shared))
        broker = open_broker(settings.broker_url, codec, store_url=settings.database_url)
        stack.push_async_callback(broker.close)
        await check_broker(broker)
        sign_in = SignIn(
            secret,
            revocations,
            clock,
            longest=timedelta(seconds=settings.limits.login_ttl_s),
            issuer=settings.issuer,
            audience=settings.audience,
        )
        opened = OpenedResources(
            settings,
            clock,
            database,
            venues,
            broker,
            codec,
            verifier,
            revocations,
            sign_in,
            metrics,
            worker_metrics,
        )
        await database.acquire_process_lock(alone=opened.is_alone)
        services = await _build(opened)
        stack.push_async_callback(services.relay.close)
        stack.push_async_callback(services.dashboard.close)
        stack.push_async_callback(services.bookings.close)
        await stack.enter_async_context(services.tasks.running(_runs(services, keys)))
        yield services


@dataclass(frozen=True, slots=True)
class OpenedResources:
    """What was opened before the rest can be built on it."""

    settings: Settings
    clock: Clock
    database: Database
    venues: dict[str, Venue]
    broker: Broker
    codec: NoticeCodec
    verifier: Verifier
    revocations: Revocations
    sign_in: SignIn
    metrics: Metrics
    worker_metrics: WorkerMetrics | None

    @property
    def is_alone(self) -> bool:
        """Whether no other process can be told of anything."""
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
        verifier=opened.verifier,
        revocations=opened.revocations,
        sign_in=opened.sign_in,
        limits=_request_limit(opened.settings.limits, opened.metrics),
        metrics=opened.metrics,
        idle_connections=IdleConnections(opened.settings.limits.max_connections),
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
            opened.verifier,
            opened.revocations,
            opened.metrics,
        ),
        allowed_origins=opened.settings.allowed_origins,
        trusted_proxies=opened.settings.trusted_proxies,
    )
    services.metrics.follow(partial(read_figures, hub, relay, opened.codec))
    return services


async def _build_relay(opened: OpenedResources, hub: Hub, dashboard: Dashboard) -> Relay:
    log = EventReader(opened.database)
    epoch, _ = await log.read_heads([])
    return Relay(
        log,
        hub,
        opened.broker,
        epoch,
        clock=opened.clock,
        on_accepted=lambda stream: dashboard.mark_dirty(stream.venue),
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


def _observe(metrics: Metrics, commit: Commit) -> None:
    metrics.queue_seconds.observe(commit.waited_s)
    metrics.commit_seconds.observe(commit.took_s)


async def _load_venues(database: Database, file: Path | None) -> dict[str, Venue]:
    """The venues of the store, after `file` was imported; an empty store gets the default ones."""
    if file is not None:
        await _import(database, file)
    venues = await database.read(read_venues)
    if not venues:
        await _import(database, data_path("fixtures", "venues", "default.toml"))
        venues = await database.read(read_venues)
    check_zones(venues)
    return {venue.id: venue for venue in venues}


async def _import(database: Database, file: Path) -> None:
    content = await asyncio.to_thread(file.read_bytes)
    venues = parse_venues(content, source=str(file))
    await database.write(lambda connection: save_venues(connection, venues))


def _runs(services: Services, keys: Keys) -> Mapping[str, Run]:
    """What runs beside the requests, by name."""
    runs: dict[str, Run] = {
        "relay": services.relay.run,
        "dashboard": services.dashboard.run,
        "upcoming": services.upcoming.run,
        "revocations": services.revocations.run,
        "connection_manager": services.connection_manager.run,
        "pruning": lambda: _prune(
            services.database,
            services.clock,
            timedelta(seconds=services.settings.limits.retention_s),
        ),
        "store probe": lambda: _probe(services.database),
        "canary": DeliveryProbe(services.hub, services.metrics).run,
        "loop lag": lambda: _measure_lag(services.metrics),
    }
    if not services.settings.limits.retention_s:
        del runs["pruning"]
    if services.worker_metrics is not None:
        runs["worker_metrics"] = partial(services.worker_metrics.run, services.metrics.exposition)
    return runs | ({"key set": keys.run} if keys.is_remote else {})


async def _prune(database: Database, clock: Clock, retention: timedelta) -> None:
    """Remove events that are older than the log keeps, a bounded number at a time."""
    while True:
        removed = 0
        try:
            removed = await database.write(
                partial(event_log.prune, before=clock() - retention, limit=PRUNE_ROWS)
            )
        except StoreUnavailable as error:
            _log.warning("old events stay for now: %s", error)
        await asyncio.sleep(0 if removed == PRUNE_ROWS else PRUNE_INTERVAL_S)


async def _probe(database: Database) -> None:
    """While the store is in trouble, try it, so that `/readyz` is right again as soon as it is."""
    while True:
        await asyncio.sleep(PROBE_INTERVAL_S)
        if not database.is_healthy and await database.probe():
            _log.info("the store can be used again")


async def _measure_lag(metrics: Metrics) -> None:
    """How late the event loop wakes a sleeper."""
    while True:
        start = time.monotonic()
        await asyncio.sleep(LAG_INTERVAL_S)
        metrics.record_lag(max(0.0, time.monotonic() - start - LAG_INTERVAL_S))
