"""Starts under changed rules of a time zone: each keeps its hour on the wall, and gets the instant
that the present rules give it. Rows without that hour, of older versions of rtdash, are filled in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, bindparam, select, update

from rtdash.domain.instants import from_ms, to_ms
from rtdash.domain.local_starts import by_present_rules, local_start
from rtdash.domain.reservations import Op, Reservation
from rtdash.domain.venue_file import venue_from_json
from rtdash.domain.venues import Venue, business_date
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.protocol.messages import Message, encode, reservation_message
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.store import batch, dialects, event_log
from rtdash.store.batch import Record, RowKey, Stored, Version
from rtdash.store.event_log import NewEvent, StoredEvent
from rtdash.store.pages import Selection, read_page
from rtdash.store.schema import meta, reservations, venues
from rtdash.store.venues import lock_venues

PAST_KEPT = timedelta(days=1)
"""What started earlier keeps the instant under which it took place."""

_NOTED = "zone_rules:"
_READ_NOTED = select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_NOTED))
_WITHOUT = reservations.c.local_of.is_distinct_from(reservations.c.start)
_READ_WITHOUT = (
    select(reservations.c.id, reservations.c.venue, reservations.c.start, venues.c.body)
    .join(venues, venues.c.id == reservations.c.venue)
    .where(_WITHOUT)
    .limit(bindparam("limit"))
)
_FILL = (
    update(reservations)
    .where(
        reservations.c.id == bindparam("of_id"),
        reservations.c.venue == bindparam("of_venue"),
        reservations.c.start == bindparam("of_start"),
    )
    .values(local_start=bindparam("local"), local_of=reservations.c.start)
)


@dataclass(frozen=True, slots=True)
class MovedStarts:
    """Starts that one transaction moved: their events, and where the next one begins (None:
    nowhere).
    """

    events: list[StoredEvent]
    next: str | None


def note_rules(conn: Connection, digests: Mapping[str, str]) -> set[str]:
    """Note the rules of zones that have none noted. Returns those zones that have others noted."""
    noted = {key.removeprefix(_NOTED): value for key, value in conn.execute(_READ_NOTED)}
    replace_rules(conn, {zone: one for zone, one in digests.items() if zone not in noted})
    return {zone for zone, one in digests.items() if noted.get(zone, one) != one}


def replace_rules(conn: Connection, digests: Mapping[str, str]) -> None:
    """Note that the starts follow these rules."""
    rows = [{"key": f"{_NOTED}{zone}", "value": one} for zone, one in sorted(digests.items())]
    if rows:
        conn.execute(dialects.upsert(conn, meta, ["value"]), rows)


def move_starts(
    conn: Connection, venue: Venue, *, now: datetime, cursor: str | None, limit: int
) -> MovedStarts:
    """Give the venue's next `limit` reservations that lie ahead the instants of the present rules.
    Each that moves has a version and a `reservation_update` of its own.
    """
    lock_venues(conn, [venue.id])
    ahead = Selection(start_from=now - PAST_KEPT, limit=limit, cursor=cursor)
    page, following = read_page(conn, venue.id, ahead)
    moved = [after for one in page if (after := _moved(one, venue, now)) is not None]
    stored = batch.load_stored(conn, [RowKey(venue.id, one.id) for one in moved])
    return MovedStarts(_save(conn, moved, stored, venue, now), following)


def fill_local_starts(conn: Connection, *, limit: int) -> int:
    """Fill in the local start of at most `limit` rows that have none, or one of another instant.
    Returns how many rows there were.
    """
    rows = conn.execute(_READ_WITHOUT, {"limit": limit}).all()
    if not rows:
        return 0
    lock_venues(conn, {row.venue for row in rows})
    known = {row.venue: venue_from_json(row.body) for row in rows}
    conn.execute(
        _FILL,
        [
            {
                "of_id": row.id,
                "of_venue": row.venue,
                "of_start": row.start,
                "local": local_start(known[row.venue], from_ms(row.start)),
            }
            for row in rows
        ],
    )
    return len(rows)


def _moved(before: Reservation, venue: Venue, now: datetime) -> Reservation | None:
    if before.local_start is None:
        return None
    start, local = by_present_rules(venue, before.local_start)
    if start == before.start:
        return None
    return replace(
        before,
        start=start,
        business_date=business_date(venue, start),
        local_start=local,
        changed_at=max(before.changed_at, from_ms(to_ms(now))),
        version=before.version + 1,
    )


def _save(
    conn: Connection,
    moved: Iterable[Reservation],
    stored: Mapping[RowKey, Stored],
    venue: Venue,
    now: datetime,
) -> list[StoredEvent]:
    changes = [(f"zone-rules-{uuid4().hex}", one, reservation_json(one, venue)) for one in moved]
    stream = Stream(venue.id, reservations_channel(venue.kind))
    events = event_log.append(
        conn,
        [
            NewEvent(stream, _message(stream, body, operation_id))
            for operation_id, _, body in changes
        ],
        now=now,
    )
    batch.save_versions(
        conn,
        [
            Version(
                operation_id,
                stored[RowKey(venue.id, after.id)],
                after,
                None,
                Record("", after.id, event.seq, encode(body).decode()),
            )
            for (operation_id, after, body), event in zip(changes, events, strict=True)
        ],
    )
    return events


def _message(stream: Stream, body: Any, operation_id: str) -> Message:
    return reservation_message(
        stream.channel, stream.venue, body, change=Op.AMEND, operation_id=operation_id
    )
