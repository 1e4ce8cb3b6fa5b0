"""A probe that measures the way of a message through the hub."""

import asyncio
import logging
import time
from uuid import uuid4

from rtdash.hub import EncodedBatch, Hub
from rtdash.protocol.channels import Channel, Stream
from rtdash.server.metrics.registry import Metrics

PROBE_INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


class DeliveryProbe:
    """A member of a stream of its own: publishes to itself, and observes how long it takes."""

    write = None

    def __init__(self, hub: Hub, metrics: Metrics) -> None:
        self._hub = hub
        self._metrics = metrics
        self._stream = Stream(f"canary-{uuid4().hex}", Channel.HOTEL_STATS)
        self._sent_at = 0.0
        self._has_come = False

    def deliver(self, batch: EncodedBatch) -> None:
        """Note that the probe came through."""
        del batch
        self._has_come = True
        self._metrics.delivery_seconds.observe(time.perf_counter() - self._sent_at)

    def failed(self) -> None:
        """Do nothing: no client counts on the probe; the way is no longer measured."""

    async def probe_periodically(self) -> None:
        """Publish a probe message every PROBE_INTERVAL_S and record its delivery time, until
        cancelled.
        """
        subscription = self._hub.join(self._stream, self)
        try:
            while True:
                self._sent_at, self._has_come = time.perf_counter(), False
                self._hub.publish_state(self._stream, "canary", b"{}")
                await asyncio.sleep(PROBE_INTERVAL_S)
                if not self._has_come:
                    self._metrics.canaries_lost.inc()
                    _log.error("what this process publishes does not come through its hub")
        finally:
            self._hub.leave(subscription)
