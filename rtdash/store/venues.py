"""Venues as rows: read in the order of their file, and locked by each change of what belongs to
them.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, func, select

from rtdash.domain.venue_file import venue_from_json, venue_to_json
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import notifications_channel, reservations_channel
from rtdash.store import dialects
from rtdash.store.schema import heads, venues

_READ = select(venues.c.body).order_by(venues.c.position, venues.c.id)
_READ_POSITIONS = select(venues.c.id, venues.c.position)
_READ_LAST = select(func.coalesce(func.max(venues.c.position), -1))
_LOCK = (
    select(venues.c.id)
    .where(venues.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(venues.c.id)
    .with_for_update()
)


def read_venues(conn: Connection) -> tuple[Venue, ...]:
    """All venues, in the order in which they came."""
    return tuple(venue_from_json(body) for body in conn.execute(_READ).scalars())


def save_venues(conn: Connection, new: Sequence[Venue]) -> None:
    """Add venues behind those that are there, each with the heads of its event streams; a known id
    keeps its place and is changed.
    """
    if not new:
        return
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
            }
        )
    conn.execute(dialects.upsert(conn, venues, ["kind", "body"]), rows)
    conn.execute(
        dialects.insert_new(conn, heads), [head for venue in new for head in _empty_heads(venue)]
    )


def lock_venues(conn: Connection, venue_ids: Collection[str]) -> None:
    """Make other writers of these venues wait until the transaction ends; always in the same order,
    so that there is no circle of waits.
    """
    if dialects.has_row_locks(conn):
        conn.execute(_LOCK, {"ids": sorted(venue_ids)}).all()


def _empty_heads(venue: Venue) -> list[dict[str, object]]:
    channels = (reservations_channel(venue.kind), notifications_channel(venue.kind))
    return [
        {"venue": venue.id, "channel": channel.value, "seq": 0, "changed_at": 0}
        for channel in channels
    ]
