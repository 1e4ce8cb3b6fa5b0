"""Background work of a server that is no part of a request: pruning the log, probing a lost store,
measuring the event loop's lag.
"""

import asyncio
import contextlib
import logging
import time
from datetime import timedelta
from functools import partial

from rtdash.domain.instants import Clock
from rtdash.server.metrics.registry import Metrics
from rtdash.store import announcements, event_log, revocations, zone_rules
from rtdash.store.database import Database, StoreUnavailable

PRUNE_INTERVAL_S = 60.0
PRUNE_ROWS = 1_000
"""Events removed in one transaction, so that no write waits long behind it."""
PROBE_INTERVAL_S = 2.0
"""How soon a store that came back is noticed when nothing is written."""
LAG_INTERVAL_S = 0.02
"""A loop that stands still for longer is seen whenever it happens; so many wakings cost a few
thousandths of a core."""

_log = logging.getLogger(__name__)


async def prune_events(database: Database, clock: Clock, retention: timedelta) -> None:
    """Remove events that are older than the log keeps, a bounded number at a time, until
    cancelled.
    """
    while True:
        removed = 0
        try:
            removed = await database.write(
                partial(event_log.prune, before=clock() - retention, limit=PRUNE_ROWS)
            )
        except StoreUnavailable as error:
            _log.warning("old events stay for now: %s", error)
        await asyncio.sleep(0 if removed == PRUNE_ROWS else PRUNE_INTERVAL_S)


async def prune_rows(database: Database, clock: Clock) -> None:
    """Remove what has no use any more, announcements and revocations, and fill in local starts that
    an older version left out, until cancelled.
    """
    while True:
        removed = 0
        with contextlib.suppress(StoreUnavailable):  # next time
            removed = await database.write(
                lambda connection: max(
                    announcements.prune(connection, now=clock(), limit=PRUNE_ROWS),
                    revocations.prune(connection, now=clock(), limit=PRUNE_ROWS),
                    zone_rules.fill_local_starts(connection, limit=PRUNE_ROWS),
                )
            )
        await asyncio.sleep(0 if removed >= PRUNE_ROWS else PRUNE_INTERVAL_S)


async def probe_store(database: Database) -> None:
    """Try a store that is in trouble, so that `/readyz` is right again as soon as it is."""
    while True:
        await asyncio.sleep(PROBE_INTERVAL_S)
        if not database.is_healthy and await database.probe():
            _log.info("the store can be used again")


async def measure_lag(metrics: Metrics) -> None:
    """Record how late the event loop wakes a sleeper, until cancelled."""
    while True:
        start = time.monotonic()
        await asyncio.sleep(LAG_INTERVAL_S)
        metrics.record_lag(max(0.0, time.monotonic() - start - LAG_INTERVAL_S))
