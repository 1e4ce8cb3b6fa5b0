"""State of a server process as metrics: its version, its store, its readiness."""

import asyncio
import logging
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from rtdash.server.readiness import list_problems
from rtdash.server.services import Services
from rtdash.store.errors import StoreError
from rtdash.store.figures import StoreFigures, read_store_figures

MOST_AGE_S = 1.0
"""A reader of the metrics gets figures of the store that are no older, as long as a look at them
takes less than a hundredth of it; on a large store they may be as old as a hundred looks take, or
LONGEST_AGE_S.
"""
LONGEST_AGE_S = 60.0
"""However long a look has taken: most of it was spent waiting where a store didn't answer."""
PATIENCE_S = 0.5
"""How long a reader waits for a store that doesn't answer; then it gets the figures from before."""

_log = logging.getLogger(__name__)


def pause_after(took_s: float) -> float:
    """Return how long after a look that took so long the next one begins, in seconds."""
    return min(max(MOST_AGE_S, 100 * took_s), LONGEST_AGE_S)


class StateMetrics:
    """Collector of the state of a process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store: StoreFigures | None = None
        self._is_asked = asyncio.Event()
        self._is_current = asyncio.Event()

    async def refresh(self) -> None:
        """Wait until the store's figures are current, for PATIENCE_S at most."""
        self._is_asked.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._is_current.wait()

    async def read_when_asked(self) -> None:
        """Read the store's figures once for all that ask within MOST_AGE_S, until cancelled."""
        while True:
            await self._is_asked.wait()
            began = time.monotonic()
            try:
                self._store = await self._services.database.read(read_store_figures)
            except StoreError as error:
                _log.debug("the store's figures can't be read: %s", error)
            self._is_current.set()
            await asyncio.sleep(pause_after(time.monotonic() - began))
            self._is_current.clear()
            self._is_asked.clear()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics now."""
        services = self._services
        build = GaugeMetricFamily(
            "rtdash_build_info", "Version of the server; 1", labels=["version", "python", "store"]
        )
        store = services.settings.database_url.partition(":")[0].partition("+")[0]
        build.add_metric([version("rtdash"), platform.python_version(), store], 1)
        yield build
        yield GaugeMetricFamily(
            "rtdash_ready",
            "Whether the process can serve, as /readyz says",
            float(not list_problems(services)),
        )
        yield GaugeMetricFamily(
            "rtdash_store_up",
            "Whether the store can be used",
            float(services.database.fault is None),
        )
        if self._store is None:
            return
        yield GaugeMetricFamily(
            "rtdash_sessions",
            "Sessions in the store, of all processes, that are open or can be resumed",
            self._store.sessions,
        )
        if self._store.oldest_event_ms is not None:
            yield GaugeMetricFamily(
                "rtdash_oldest_event_timestamp_seconds",
                "Unix time of the oldest event that the log keeps",
                self._store.oldest_event_ms / 1000,
            )
