"""Venues as rows: read in the order of their file, and locked before what belongs to them is
changed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from rtdash.domain.instants import to_ms
from rtdash.domain.venue_file import venue_from_json, venue_to_json
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import notifications_channel, reservations_channel
from rtdash.store import dialects
from rtdash.store.errors import StoreError
from rtdash.store.schema import heads, reservations, venues

_READ = select(venues.c.body).order_by(venues.c.position, venues.c.id)
_READ_POSITIONS = select(venues.c.id, venues.c.position)
_READ_LAST = select(func.coalesce(func.max(venues.c.position), -1))
_READ_AMONG = select(venues.c.body).where(venues.c.id.in_(bindparam("ids", expanding=True)))
_READ_ALL_ARCHIVED = select(venues.c.id).where(venues.c.archived_at.is_not(None))
_COUNT_BY_TYPE = (
    select(reservations.c.room_type, func.count())
    .where(reservations.c.venue == bindparam("venue"))
    .group_by(reservations.c.room_type)
)
_LOCK = (
    select(venues.c.id, venues.c.archived_at)
    .where(venues.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(venues.c.id)
    .with_for_update()
)
_ARCHIVED = "archived venues"
_CHANGED_BY = "transaction that changed venues"
"""Keys of what is remembered with a connection to SQLite."""


def read_venues(conn: Connection) -> tuple[Venue, ...]:
    """Return all venues, in the order in which they came."""
    return tuple(venue_from_json(body) for body in conn.execute(_READ).scalars())


def read_archived(conn: Connection) -> set[str]:
    """Return the ids of the venues that are out of service."""
    return set(conn.execute(_READ_ALL_ARCHIVED).scalars())


class VenuesRedefined(StoreError):  # noqa: N818
    """A venue file that would give another meaning to what is stored. `changes` says what, and how
    many reservations it concerns.
    """

    def __init__(self, changes: Sequence[str]) -> None:
        super().__init__(
            f"nothing was imported: {'; '.join(changes)}",
            hint=(
                "give the new venue an id of its own, and take the old one out of service: rtdash"
                " venues archive ID"
            ),
        )
        self.changes = tuple(changes)


def save_venues(conn: Connection, new: Sequence[Venue]) -> None:
    """Add venues behind those that are there, each with the heads of its event streams; a known id
    keeps its place and is changed, and is in service again.

    Raises VenuesRedefined if money or time of stored reservations would change their meaning, or
    sold nights lose their room type; then nothing is changed.
    """
    if not new:
        return
    lock_venues(conn, {venue.id for venue in new})
    _refuse_redefinition(conn, new)
    places = {row.id: row.position for row in conn.execute(_READ_POSITIONS)}
    following = conn.execute(_READ_LAST).scalar_one() + 1
    rows = []
    for venue in new:
        place = places.get(venue.id, following)
        following = max(following, place + 1)
        rows.append(
            {
                "id": venue.id,
                "position": place,
                "kind": venue.kind.value,
                "body": venue_to_json(venue),
                "archived_at": None,
            }
        )
    _forget_archived(conn)
    conn.execute(dialects.upsert(conn, venues, ["kind", "body", "archived_at"]), rows)
    conn.execute(
        dialects.insert_new(conn, heads), [head for venue in new for head in _empty_heads(venue)]
    )


def archive_venue(conn: Connection, venue_id: str, *, now: datetime) -> bool:
    """Take a venue out of service: it keeps its history, and takes no operation any more. Returns
    whether there is such a venue.
    """
    _forget_archived(conn)
    statement = update(venues).where(venues.c.id == venue_id).values(archived_at=to_ms(now))
    return conn.execute(statement).rowcount == 1


def lock_venues(conn: Connection, venue_ids: Collection[str]) -> set[str]:
    """Make other writers of these venues wait until the transaction ends; always in the same order,
    so that none wait in a circle. Returns those of them that are out of service.
    """
    ids = sorted(venue_ids)
    if dialects.has_row_locks(conn):
        rows = conn.execute(_LOCK, {"ids": ids}).all()
        return {row.id for row in rows if row.archived_at is not None}
    return _remember_archived(conn).intersection(ids)


def _remember_archived(conn: Connection) -> set[str]:
    """Return what `read_archived` does, read once a connection: no other process writes a SQLite
    file, and a booking pays for each query. What a transaction has changed is true for it alone
    until it is stored.
    """
    archived: set[str] | None = conn.info.get(_ARCHIVED)
    if archived is None:
        archived = read_archived(conn)
        if conn.info.get(_CHANGED_BY) is not conn.get_transaction():
            conn.info[_ARCHIVED] = archived
    return archived


def _forget_archived(conn: Connection) -> None:
    conn.info.pop(_ARCHIVED, None)
    conn.info[_CHANGED_BY] = conn.get_transaction()


def _refuse_redefinition(conn: Connection, new: Sequence[Venue]) -> None:
    known = {
        venue.id: venue
        for venue in map(
            venue_from_json,
            conn.execute(_READ_AMONG, {"ids": [one.id for one in new]}).scalars(),
        )
    }
    changes = []
    for venue in new:
        before = known.get(venue.id)
        if before is not None and before != venue:
            changes += _reinterpreted(conn, before, venue)
    if changes:
        raise VenuesRedefined(changes)


def _reinterpreted(conn: Connection, before: Venue, after: Venue) -> list[str]:
    """Return what a change would make of reservations that are stored, in words with counts."""
    by_type: dict[str | None, int] = {
        row[0]: row[1] for row in conn.execute(_COUNT_BY_TYPE, {"venue": after.id})
    }
    total = sum(by_type.values())
    if not total:
        return []
    changes = [
        f"{after.id}: {name} {old} can't become {new} (reservations: {total})"
        for name, old, new in (
            ("kind", before.kind.value, after.kind.value),
            ("currency", before.currency, after.currency),
            ("timezone", before.timezone, after.timezone),
        )
        if old != new
    ]
    kept = {room_type.id for room_type in after.room_types}
    return changes + [
        f"{after.id}: room type {room_type} can't be left out (reservations: {count})"
        for room_type, count in sorted(by_type.items(), key=str)
        if room_type is not None and room_type not in kept
    ]


def _empty_heads(venue: Venue) -> list[dict[str, object]]:
    channels = (reservations_channel(venue.kind), notifications_channel(venue.kind))
    return [
        {"venue": venue.id, "channel": channel.value, "seq": 0, "changed_at": 0}
        for channel in channels
    ]
