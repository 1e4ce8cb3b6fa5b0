"""The event log: what happened on each stream, numbered without gaps in the order of commit. Broker
and sockets only repeat it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from rtdash.domain.instants import format_instant, to_ms
from rtdash.protocol.channels import CHANNELS, Stream
from rtdash.protocol.messages import Message, encode, stamp
from rtdash.store.identity import draw_epoch, read_epoch
from rtdash.store.prepared import Prepared, PreparedIn
from rtdash.store.schema import events, heads

__all__ = [
    "NewEvent",
    "StoredEvent",
    "append",
    "draw_epoch",
    "heads_of",
    "prune",
    "read_epoch",
    "read_events",
    "read_floor",
    "read_heads",
]


class NewEvent(NamedTuple):
    """An event message that has no number yet (`protocol.messages` leaves the places of `seq` and
    `timestamp`).
    """

    stream: Stream
    message: Message


class StoredEvent(NamedTuple):
    """An event of the log; `body` is its message, encoded."""

    stream: Stream
    seq: int
    body: bytes


_LOCK_HEADS = PreparedIn(
    lambda venues: (
        select(heads.c.venue, heads.c.channel, heads.c.seq)
        .where(heads.c.venue.in_(venues))
        .order_by(heads.c.venue, heads.c.channel)
        .with_for_update()
    )
)
_BUMP_HEAD = Prepared(
    update(heads)
    .where(heads.c.venue == bindparam("of_venue"), heads.c.channel == bindparam("of_channel"))
    .values(seq=bindparam("to_seq"), changed_at=bindparam("now"))
)
_INSERT_EVENTS = Prepared(insert(events))
_OF_STREAM = (events.c.venue == bindparam("venue"), events.c.channel == bindparam("channel"))
_READ_EVENTS = (
    select(events.c.seq, events.c.body)
    .where(*_OF_STREAM, events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)
_FIRST_KEPT = select(func.min(events.c.seq)).where(*_OF_STREAM)
_READ_HEADS = select(heads.c.venue, heads.c.channel, heads.c.seq)
_READ_HEADS_OF = PreparedIn(lambda venues: _READ_HEADS.where(heads.c.venue.in_(venues)))
_VENUES = 2_048
"""Venues that a statement names; of more the heads are read in parts."""

_READ_HEAD = select(heads.c.seq).where(
    heads.c.venue == bindparam("venue"), heads.c.channel == bindparam("channel")
)
_stream = Stream._make
_of_its_stream = events.alias()
_lowest_of_its_stream = (
    select(_of_its_stream.c.appended_at)
    .where(_of_its_stream.c.venue == events.c.venue, _of_its_stream.c.channel == events.c.channel)
    .order_by(_of_its_stream.c.seq)
    .limit(1)
    .scalar_subquery()
)
# A stream with a low end that seems younger than what follows can't be cut; its rows, the oldest
# of all, must not hide those of others.
_WITH_OLD = select(events.c.venue, events.c.channel).where(
    events.c.appended_at < bindparam("before"), _lowest_of_its_stream < bindparam("before")
)
_WITH_OLD = _WITH_OLD.order_by(events.c.appended_at).limit(bindparam("limit"))
_LOWEST = (
    select(events.c.seq, events.c.appended_at)
    .where(*_OF_STREAM)
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)
_PRUNE = delete(events).where(*_OF_STREAM, events.c.seq <= bindparam("upto"))


def append(conn: Connection, new_events: Sequence[NewEvent], *, now: datetime) -> list[StoredEvent]:
    """Number the events of each stream on from its head, stamp them with `now`, and store them. In
    the order given.

    The heads stay locked until the transaction ends, so that numbers are committed in order. Raises
    LookupError for a stream of
    a venue that was never saved.
    """
    if not new_events:
        return []
    grown = Counter(event.stream for event in new_events)
    tops = _lock_heads(conn, {stream.venue for stream in grown})
    following = {stream: tops[stream] for stream in grown}
    stored, timestamp = [], format_instant(now)  # one instant for all of a transaction
    for event in new_events:
        stream = event.stream
        following[stream] = seq = following[stream] + 1
        stored.append(
            StoredEvent(stream, seq, encode(stamp(event.message, seq=seq, timestamp=timestamp)))
        )
    now_ms = to_ms(now)
    _BUMP_HEAD.execute(
        conn,
        [
            {
                "of_venue": stream.venue,
                "of_channel": stream.channel.value,
                "to_seq": following[stream],
                "now": now_ms,
            }
            for stream in sorted(following)
        ],
    )
    _INSERT_EVENTS.execute(conn, [_event_row(event, now_ms) for event in stored])
    return stored


def read_heads(conn: Connection, streams: Collection[Stream] | None = None) -> dict[Stream, int]:
    """Return the seq of each stream's last event, 0 for a stream without one; of all streams, or of
    those given.
    """
    if streams is None:
        return heads_of(conn.execute(_READ_HEADS))
    venues = sorted({stream.venue for stream in streams})
    found: dict[Stream, int] = {}
    for start in range(0, len(venues), _VENUES):
        found |= heads_of(_READ_HEADS_OF.read(conn, venues[start : start + _VENUES]))
    return {stream: found.get(stream, 0) for stream in streams}


def heads_of(rows: Iterable[Any]) -> dict[Stream, int]:
    """Return the heads in rows of (venue, channel, seq); those of channels that only a newer
    version of rtdash knows are left out.
    """
    return {
        _stream((venue, CHANNELS[channel])): seq
        for venue, channel, seq in rows
        if channel in CHANNELS
    }


def read_events(conn: Connection, stream: Stream, after: int, limit: int) -> list[StoredEvent]:
    """Return the events that follow `after`, in order, at most `limit`."""
    rows = conn.execute(_READ_EVENTS, {**_keys(stream), "after": after, "limit": limit})
    return [StoredEvent(stream, seq, body.encode()) for seq, body in rows]


def read_floor(conn: Connection, stream: Stream) -> int:
    """The smallest seq after which the log still has everything: the first kept seq - 1, or the
    head when none is kept.
    """
    first = conn.execute(_FIRST_KEPT, _keys(stream)).scalar()
    if first is not None:
        return int(first) - 1
    return int(conn.execute(_READ_HEAD, _keys(stream)).scalar() or 0)


def prune(conn: Connection, *, before: datetime, limit: int = 1_000) -> int:
    """Remove events appended before an instant, the lowest seqs of each stream first, at most
    `limit` in all. Returns their number.

    A stream is only ever cut at its low end, even where the clock went back between two events.
    """
    before_ms = to_ms(before)
    left = limit
    found = conn.execute(_WITH_OLD, {"before": before_ms, "limit": limit})
    for venue, channel in sorted({(venue, channel) for venue, channel in found}):
        keys = {"venue": venue, "channel": channel}
        if left == 0:
            break
        upto = None
        for seq, appended_at in conn.execute(_LOWEST, {**keys, "limit": left}):
            if appended_at >= before_ms:
                break
            upto = seq
        if upto is not None:
            left -= conn.execute(_PRUNE, {**keys, "upto": upto}).rowcount
    return limit - left


def _lock_heads(conn: Connection, venue_ids: set[str]) -> dict[Stream, int]:
    return heads_of(_LOCK_HEADS.read(conn, venue_ids))


def _event_row(event: StoredEvent, now_ms: int) -> dict[str, object]:
    venue, channel = event.stream
    return {
        "venue": venue,
        "channel": channel.value,
        "seq": event.seq,
        "appended_at": now_ms,
        "body": event.body.decode(),
    }


def _keys(stream: Stream) -> dict[str, str]:
    return {"venue": stream.venue, "channel": stream.channel.value}
