"""Upcoming reservations that were announced: once per reservation and start, by the first process
that asks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, exists, select, tuple_

from rtdash.domain.instants import from_ms, to_ms
from rtdash.domain.reservations import EXPECTED, Reservation
from rtdash.store import dialects
from rtdash.store.prepared import Prepared
from rtdash.store.reservations import COLUMNS, earliest_date, latest_date, reservation_of
from rtdash.store.schema import announcements, reservations

KEPT = timedelta(days=2)
"""How long an announcement is kept after the start that it is of; only what lies ahead is
announced."""


class Announcement(NamedTuple):
    """A reservation's start, which is announced when it is near."""

    venue_id: str
    reservation_id: str
    start: datetime


_IS_ANNOUNCED = exists().where(
    announcements.c.reservation == reservations.c.id,
    announcements.c.venue == reservations.c.venue,
    announcements.c.start == reservations.c.start,
)
_IS_EXPECTED = reservations.c.status.in_(
    [bindparam(f"status_{place}", status.value) for place, status in enumerate(sorted(EXPECTED))]
)
# Asked of every venue every two seconds.
_READ_DUE = Prepared(
    select(*COLUMNS)
    .where(
        reservations.c.venue == bindparam("venue"),
        reservations.c.business_date.between(bindparam("first"), bindparam("last")),
        and_(reservations.c.start > bindparam("after"), reservations.c.start <= bindparam("until")),
        _IS_EXPECTED,
        ~_IS_ANNOUNCED,
    )
    .order_by(reservations.c.business_date, reservations.c.start, reservations.c.id)
    .limit(bindparam("limit"))
)


def claim(conn: Connection, wanted: Iterable[Announcement], *, now: datetime) -> set[Announcement]:
    """Claim those of `wanted` that were free: they are the caller's to announce, in this same
    transaction.
    """
    now_ms = to_ms(now)
    rows = [
        {"venue": venue, "reservation": reservation, "start": to_ms(start), "announced_at": now_ms}
        for venue, reservation, start in sorted(set(wanted))
    ]
    if not rows:
        return set()
    statement = dialects.insert_new(conn, announcements).returning(
        announcements.c.venue, announcements.c.reservation, announcements.c.start
    )
    return {
        Announcement(venue, reservation, from_ms(start))
        for venue, reservation, start in conn.execute(statement, rows)
    }


def read_due(
    conn: Connection, venue_id: str, *, now: datetime, until: datetime, limit: int = 500
) -> list[Reservation]:
    """Pending and Confirmed reservations of a venue with now < start ≤ until that were not
    announced for that start; soonest first.
    """
    values = {
        "venue": venue_id,
        "first": earliest_date(now),
        "last": latest_date(until),
        "after": to_ms(now),
        "until": to_ms(until),
        "limit": limit,
    }
    return [reservation_of(row) for row in _READ_DUE.read(conn, values)]


def prune(conn: Connection, *, now: datetime, limit: int = 1_000) -> int:
    """Remove announcements of starts that are over, at most `limit`. Returns their number."""
    key = tuple_(announcements.c.reservation, announcements.c.venue, announcements.c.start)
    over = (
        select(announcements.c.reservation, announcements.c.venue, announcements.c.start)
        .where(announcements.c.start < to_ms(now - KEPT))
        .limit(limit)
    )
    return conn.execute(delete(announcements).where(key.in_(over))).rowcount
