"""Streams of the log as the relay needs them: as notices to others, as sources of figures."""

from collections.abc import Iterable

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.store.event_log import StoredEvent


def notices_of(events: Iterable[StoredEvent], epoch: str) -> Iterable[Notice]:
    """One notice a stream."""
    by_stream: dict[Stream, list[StoredEvent]] = {}
    for event in events:
        by_stream.setdefault(event.stream, []).append(event)
    for stream, group in by_stream.items():
        assert group[-1].seq - group[0].seq == len(group) - 1, (
            "one commit numbers a stream without gaps"
        )
        yield Notice(stream, epoch, group[0].seq, tuple(event.body for event in group))


def source_of(stream: Stream) -> Stream:
    """Return the event stream to follow: each operation makes one reservation event, so those show
    every change of the figures.
    """
    return (
        Stream(stream.venue, reservations_channel(stream.channel.kind))
        if stream.channel.is_state
        else stream
    )
