"""State of a server process as metrics: its version, its store, its readiness."""

import asyncio
import logging
import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from rtdash.server.readiness import list_problems
from rtdash.server.services import Services
from rtdash.store.errors import StoreError
from rtdash.store.figures import StoreFigures, read_store_figures

INTERVAL_S = 60.0
"""How often the store is asked for its figures."""

_log = logging.getLogger(__name__)


class StateMetrics:
    """Collector of the state of a process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store: StoreFigures | None = None

    async def read_periodically(self) -> None:
        """Read the store's figures every INTERVAL_S, until cancelled."""
        while True:
            try:
                self._store = await self._services.database.read(read_store_figures)
            except StoreError as error:
                _log.debug("the store's figures can't be read: %s", error)
            await asyncio.sleep(INTERVAL_S)

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
