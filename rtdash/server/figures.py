"""What hub and relay count by themselves, as metrics; and a canary that measures the way through
the hub.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from uuid import uuid4

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from rtdash.hub import Hub, Parcel
from rtdash.protocol.channels import Channel, Stream
from rtdash.relay import Relay
from rtdash.server.metrics import Metrics

CANARY_INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


def read_figures(hub: Hub, relay: Relay) -> Iterator[Metric]:
    """Deliveries and flushes of the hub; acceptances, gaps, looks of the relay; how the broker
    is.
    """
    yield CounterMetricFamily("rtdash_deliveries", "Messages handed to connections", hub.delivered)
    yield CounterMetricFamily("rtdash_flushes", "Flushes of the hub", hub.flushes)
    relayed = CounterMetricFamily("rtdash_relay", "What the relay did, by kind", labels=["kind"])
    for kind, number in sorted(relay.counts.items()):
        relayed.add_metric([kind], number)
    yield relayed
    yield GaugeMetricFamily(
        "rtdash_followed_streams", "Event streams that somebody here follows", relay.followed
    )
    yield GaugeMetricFamily(
        "rtdash_reads_in_flight",
        "Reads of the log for streams and subscribers under way",
        relay.in_flight,
    )
    yield GaugeMetricFamily(
        "rtdash_broker_up", "Whether notices travel", float(relay.status == "ok")
    )
    yield GaugeMetricFamily(
        "rtdash_broker_lag_seconds",
        "Seconds that the last notice to ourselves took through the broker",
        relay.link.lag_s,
    )
    yield CounterMetricFamily(
        "rtdash_broker_dropped",
        "Notices that were not sent; the log has their events",
        relay.link.dropped,
    )


class Canary:
    """A member of a stream of its own: publishes to itself, and observes how long it takes."""

    write = None

    def __init__(self, hub: Hub, metrics: Metrics) -> None:
        self._hub = hub
        self._metrics = metrics
        self._stream = Stream(f"canary-{uuid4().hex}", Channel.HOTEL_STATS)
        self._sent_at = 0.0
        self._has_come = False

    def deliver(self, parcel: Parcel) -> None:
        """It came through."""
        del parcel
        self._has_come = True
        self._metrics.delivery_seconds.observe(time.perf_counter() - self._sent_at)

    def failed(self) -> None:
        """Nobody counts on it; the way is no longer measured."""

    async def run(self) -> None:
        """Sing for ever."""
        subscription = self._hub.join(self._stream, self)
        try:
            while True:
                self._sent_at, self._has_come = time.perf_counter(), False
                self._hub.publish_state(self._stream, "canary", b"{}")
                await asyncio.sleep(CANARY_INTERVAL_S)
                if not self._has_come:
                    self._metrics.canaries_lost.inc()
                    _log.error("what this process publishes does not come through its hub")
        finally:
            self._hub.leave(subscription)
