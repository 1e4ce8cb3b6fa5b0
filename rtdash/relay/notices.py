"""What the log was given, as notices to other processes."""

from collections.abc import Iterable

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Stream
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
