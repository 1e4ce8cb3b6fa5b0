"""Streams of the log as the relay needs them: as runs of a commit, as notices to others, as sources
of figures.
"""

from collections.abc import Iterable, Mapping

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.store.event_log import StoredEvent


def runs_of(events: Iterable[StoredEvent]) -> dict[Stream, tuple[int, list[bytes]]]:
    """Return of each stream the seq of its first event, and the bodies from there on."""
    runs: dict[Stream, tuple[int, list[bytes]]] = {}
    for event in events:
        run = runs.get(event.stream)
        if run is None:
            runs[event.stream] = (event.seq, [event.body])
        else:
            first_seq, bodies = run
            assert event.seq == first_seq + len(bodies), "one commit numbers a stream without gaps"
            bodies.append(event.body)
    return runs


def notices_of(runs: Mapping[Stream, tuple[int, list[bytes]]], epoch: str) -> tuple[Notice, ...]:
    """One notice a stream."""
    return tuple(
        Notice(stream, epoch, first_seq, tuple(bodies))
        for stream, (first_seq, bodies) in runs.items()
    )


def source_of(stream: Stream) -> Stream:
    """Return the event stream to follow: each operation makes one reservation event, so those show
    every change of the figures.
    """
    return (
        Stream(stream.venue, reservations_channel(stream.channel.kind))
        if stream.channel.is_state
        else stream
    )
