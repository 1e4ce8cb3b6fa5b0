"""Coverage: how many messages of each channel and feature the load has brought about, so that what
was never exercised doesn't pass. Pure.
"""

from collections import Counter

from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.operation_source import business_date_now
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.observations import Observations
from rtdash.protocol.channels import Channel

LEAST_OPERATIONS = 80
"""Two cycles of the operations: each special kind has come by then, and is acknowledged."""
_EACH_VARIANT = 5
"""Clients, of which each variant is there at least once."""
_TYPES = {
    "new_reservations": "new_reservation",
    "reservation_updates": "reservation_update",
    "upcoming_reservations": "upcoming_reservation",
    "notifications": "notification",
}


def add_coverage(measures: Measures, observations: Observations) -> None:
    """Add the counts that this phase could bring about: on the channels that were subscribed to, of
    the venues that there are.
    """
    publisher, probe = observations.publisher, observations.probe
    if publisher is None or probe is None or observations.storms:
        return
    if publisher.offered < LEAST_OPERATIONS:
        return
    _add_messages(measures, observations, probe.stats)
    measures.add_count("repeats", publisher.repeats)
    if observations.rights.probes:
        measures.add_count("rights_refused", observations.rights.refused)
    if observations.slow_consumers is not None:
        measures.add_count("slow_consumers", observations.slow_consumers)
    if observations.phase.dashboards >= _EACH_VARIANT:
        measures.add_count("batches", observations.results.batches)
        measures.add_count("compressed", observations.results.compressed)
    if observations.rest.reads:
        measures.add_count("rest_reads", observations.rest.reads)


def _add_messages(measures: Measures, observations: Observations, probed: ClientStats) -> None:
    messages = Counter(observations.results.messages) + probed.messages
    by_type: Counter[str] = Counter()
    by_channel: Counter[str] = Counter()
    for label, count in messages.items():
        kind, _, channel = label.partition(" ")
        by_type[kind] += count
        by_channel[channel] += count
    expected = _expected_channels(observations)
    measures.add_count("messages", messages.total())
    for channel in expected:
        measures.add_count("messages", by_channel[channel], channel)
        if channel.is_state:
            measures.add_count("state_changes", probed.state_changes[channel], channel)
    for name, kind in _TYPES.items():
        if _may_come(name, expected):
            measures.add_count(name, by_type[kind])


def _may_come(name: str, expected: set[Channel]) -> bool:
    match name:
        case "upcoming_reservations":
            return Channel.RESTAURANT_NOTIFICATIONS in expected
        case "notifications":
            return bool(expected & {Channel.RESTAURANT_NOTIFICATIONS, Channel.HOTEL_NOTIFICATIONS})
        case _:
            return bool(expected & {Channel.RESTAURANT_RESERVATIONS, Channel.HOTEL_RESERVATIONS})


def _expected_channels(observations: Observations) -> set[Channel]:
    """Return the subscribed channels on which something must come."""
    venues = {venue.kind: venue for venue in observations.venues}
    return {
        stream.channel
        for stream in observations.streams
        if _is_exercised(stream.channel, venues[stream.channel.kind])
    }


def _is_exercised(channel: Channel, venue: TargetVenue) -> bool:
    if venue.kind == "hotel" and channel is not Channel.HOTEL_RESERVATIONS:
        return bool(venue.free_tonight)
    if channel is Channel.RESTAURANT_STATS:
        # Tables within half an hour belong to today, unless the business date is about to turn.
        return business_date_now(venue) == business_date_now(venue, ahead_minutes=40)
    return True
