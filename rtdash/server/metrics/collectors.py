"""Counts of hub and relay, as metrics."""

import logging
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from rtdash.broker.notices import NoticeCodec
from rtdash.hub import Hub
from rtdash.relay import Relay

PROBE_INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


def read_figures(hub: Hub, relay: Relay, codec: NoticeCodec) -> Iterator[Metric]:
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
        "rtdash_followed_streams",
        "Event streams that clients of this process follow",
        relay.followed,
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
        relay.broker_connection.lag_s,
    )
    yield CounterMetricFamily(
        "rtdash_broker_dropped",
        "Notices that were not sent; the log has their events",
        relay.broker_connection.dropped,
    )
    yield CounterMetricFamily(
        "rtdash_broker_rejected",
        "Messages on the broker that no process of this store had signed",
        codec.rejected,
    )
