"""Tasks that run beside the requests of a server."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from rtdash.server.background import Run
from rtdash.server.guest_retention import GuestRetention
from rtdash.server.heap import Heap, find_trim, resident_bytes
from rtdash.server.housekeeping import measure_lag, probe_store, prune_events, prune_rows
from rtdash.server.metrics.delivery_probe import DeliveryProbe
from rtdash.server.services import Services
from rtdash.server.state_metrics import StateMetrics
from rtdash.store.event_log import StoredEvent


def list_runs(services: Services) -> Mapping[str, Run]:
    """Return what runs beside the requests, by name."""
    state = StateMetrics(services)
    services.metrics.follow(state.collect, refresh=state.refresh)
    services.metrics.follow(services.webhooks.read_figures)
    runs: dict[str, Run] = {
        "relay": services.relay.run,
        "dashboard": services.dashboard.keep_fresh,
        "upcoming": services.upcoming.announce_periodically,
        "webhooks": services.webhooks.run,
        "revocations": services.revocations.sweep_periodically,
        "connection_manager": services.connection_manager.run,
        "tidying": lambda: prune_rows(services.database, services.clock),
        "pruning": lambda: prune_events(
            services.database,
            services.clock,
            timedelta(seconds=services.settings.limits.retention_s),
        ),
        "guest retention": GuestRetention(
            services.database,
            services.clock,
            lambda: services.settings.limits.guest_retention_days,
            partial(_announce_anonymised, services),
        ).anonymise_periodically,
        "store probe": lambda: probe_store(services.database),
        "delivery probe": DeliveryProbe(services.hub, services.metrics).probe_periodically,
        "state metrics": state.read_when_asked,
        "loop lag": lambda: measure_lag(services.metrics),
    }
    if not services.settings.limits.retention_s:
        del runs["pruning"]
    if services.worker_metrics is not None:
        runs["worker_metrics"] = partial(
            services.worker_metrics.serve, services.metrics.current_exposition
        )
    trim = find_trim()
    if trim is not None and resident_bytes():
        runs["heap"] = Heap(trim, resident_bytes).trim_periodically
    keys = services.keys
    return runs | ({"key set": keys.refresh_periodically} if keys.is_remote else {})


def _announce_anonymised(services: Services, events: Sequence[StoredEvent]) -> None:
    services.metrics.guests_anonymised.add(len(events))
    for venue_id in {event.stream.venue for event in events}:
        services.dashboard.mark_dirty(venue_id)
    services.relay.announce(events)
