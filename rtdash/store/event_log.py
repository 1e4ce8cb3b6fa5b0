"""The event log: what happened on each stream, numbered without gaps in the order of commit. Broker
and sockets only repeat it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from rtdash.domain.instants import to_ms
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.messages import Message, encode, stamp
from rtdash.store import dialects
from rtdash.store.prepared import Prepared, PreparedIn
from rtdash.store.schema import events, heads, meta


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event message that has no number yet (`protocol.messages` leaves the places of `seq` and
    `timestamp`).
    """

    stream: Stream
    message: Message


@dataclass(frozen=True, slots=True)
class StoredEvent:
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
_OF_VENUES = heads.c.venue.in_(bindparam("venues", expanding=True))
_CHANGED = heads.c.changed_at >= bindparam("since")
_READ_HEAD = select(heads.c.seq).where(
    heads.c.venue == bindparam("venue"), heads.c.channel == bindparam("channel")
)
_READ_EPOCH = select(meta.c.value).where(meta.c.key == "epoch")
_of_its_stream = events.alias()
_lowest_of_its_stream = (
    select(_of_its_stream.c.appended_at)
    .where(_of_its_stream.c.venue == events.c.venue, _of_its_stream.c.channel == events.c.channel)
    .order_by(_of_its_stream.c.seq)
    .limit(1)
    .scalar_subquery()
)
# A stream whose low end seems younger than what follows can't be cut; its rows, the oldest of all,
# must not hide those of others.
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
    stored = []
    for event in new_events:
        stream = event.stream
        following[stream] = seq = following[stream] + 1
        stored.append(
            StoredEvent(stream, seq, encode(stamp(event.message, seq=seq, timestamp=now)))
        )
    now_ms = to_ms(now)
    _BUMP_HEAD.run(
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
    _INSERT_EVENTS.run(conn, [_event_row(event, now_ms) for event in stored])
    return stored


def read_heads(
    conn: Connection, streams: Iterable[Stream] | None = None, changed_since: datetime | None = None
) -> dict[Stream, int]:
    """The seq of each stream's last event, 0 for one without; of all streams, or those given, or
    those changed at or after an instant.
    """
    statement, values = _READ_HEADS, dict[str, object]()
    wanted = None if streams is None else list(streams)
    if wanted is not None:
        statement, values["venues"] = (
            statement.where(_OF_VENUES),
            sorted({stream.venue for stream in wanted}),
        )
    if changed_since is not None:
        statement, values["since"] = statement.where(_CHANGED), to_ms(changed_since)
    found = {
        Stream(venue, Channel(channel)): seq
        for venue, channel, seq in conn.execute(statement, values)
    }
    if wanted is None:
        return found
    if changed_since is not None:
        return {stream: found[stream] for stream in wanted if stream in found}
    return {stream: found.get(stream, 0) for stream in wanted}


def read_events(conn: Connection, stream: Stream, after: int, limit: int) -> list[StoredEvent]:
    """The events that follow `after`, in order, at most `limit`."""
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


def read_epoch(conn: Connection) -> str:
    """The name of this log; positions of another epoch mean nothing here."""
    return str(conn.execute(_READ_EPOCH).scalar_one())


def draw_epoch(conn: Connection) -> str:
    """Give the log a new name, so that every position that clients hold is reset."""
    epoch = token_urlsafe(9)
    conn.execute(dialects.upsert(conn, meta, ["value"]), {"key": "epoch", "value": epoch})
    return epoch


def prune(conn: Connection, *, before: datetime, limit: int = 1_000) -> int:
    """Remove events appended before an instant, the lowest seqs of each stream first, at most
    `limit` in all. Returns their number.

    A stream is only ever cut at its low end, even where the clock went back between two events.
    """
    before_ms = to_ms(before)
    left = limit
    old = {
        Stream(venue, Channel(channel))
        for venue, channel in conn.execute(_WITH_OLD, {"before": before_ms, "limit": limit})
    }
    for stream in sorted(old):
        if left == 0:
            break
        upto = None
        for seq, appended_at in conn.execute(_LOWEST, {**_keys(stream), "limit": left}):
            if appended_at >= before_ms:
                break
            upto = seq
        if upto is not None:
            left -= conn.execute(_PRUNE, {**_keys(stream), "upto": upto}).rowcount
    return limit - left


def _lock_heads(conn: Connection, venue_ids: set[str]) -> dict[Stream, int]:
    rows = _LOCK_HEADS.read(conn, venue_ids)
    return {Stream(venue, Channel(channel)): seq for venue, channel, seq in rows}


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
