"""Reservations as they are read: one, a day's figures, the rooms sold. `pages` reads them in their
order, `batch` writes them.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.domain.reservations import NOT_COMING, Reservation, Status
from rtdash.domain.stats import Totals
from rtdash.domain.venues import VenueKind
from rtdash.store.schema import FOREVER_MS, reservations, room_nights, versions

COLUMNS = tuple(
    reservations.c[name]
    for name in (
        *(
            "id",
            "venue",
            "kind",
            "customer_name",
            "customer_email",
            "customer_phone",
            "guests",
            "status",
            "source",
        ),
        *(
            "amount",
            "charged",
            "paid",
            "start",
            "business_date",
            "created_at",
            "changed_at",
            "version",
        ),
        *("room_type", "check_in", "check_out", "duration_minutes", "source_version"),
        *("local_start", "local_of"),
    )
)
"""Columns that `reservation_of` takes, in its order."""

_OF_VENUE = reservations.c.venue == bindparam("venue")
_READ_ONE = select(*COLUMNS).where(_OF_VENUE, reservations.c.id == bindparam("id"))

_balance = versions.c.balance
_READ_TOTALS = select(
    func.count(),
    func.coalesce(func.sum(case((and_(versions.c.amount > 0, _balance <= 0), 1), else_=0)), 0),
    func.coalesce(func.sum(versions.c.guests), 0),
    func.coalesce(func.sum(case((_balance > 0, _balance), else_=0)), 0),
).where(
    versions.c.venue == bindparam("venue"),
    versions.c.business_date == bindparam("business_date"),
    versions.c.valid_from <= bindparam("instant"),
    versions.c.valid_to > bindparam("instant"),
    versions.c.status.not_in(sorted(status.value for status in NOT_COMING)),
)
_READ_SOLD = select(room_nights.c.room_type, room_nights.c.night, room_nights.c.sold).where(
    room_nights.c.venue == bindparam("venue"),
    room_nights.c.night.between(bindparam("first"), bindparam("last")),
    room_nights.c.sold != 0,
)


def reservation_of(row: Sequence[Any]) -> Reservation:
    """Return the reservation of a row of `COLUMNS`."""
    venue_kind, status = VenueKind(row[2]), Status(row[7])
    return Reservation(
        id=row[0],
        venue_id=row[1],
        kind=venue_kind,
        customer_name=row[3],
        customer_email=row[4],
        customer_phone=row[5],
        guests=row[6],
        status=status,
        source=row[8],
        amount_minor=row[9],
        charged_minor=row[10],
        paid_minor=row[11],
        start=from_ms(row[12]),
        business_date=date.fromisoformat(row[13]),
        created_at=from_ms(row[14]),
        changed_at=from_ms(row[15]),
        version=row[16],
        room_type=row[17],
        check_in=row[18] and date.fromisoformat(row[18]),
        check_out=row[19] and date.fromisoformat(row[19]),
        duration_minutes=row[20],
        source_version=row[21],
        local_start=row[22] if row[23] == row[12] else None,
    )


def read_one(conn: Connection, venue_id: str, reservation_id: str) -> Reservation | None:
    """Return the reservation as it is now, or None."""
    row = conn.execute(_READ_ONE, {"venue": venue_id, "id": reservation_id}).one_or_none()
    return None if row is None else reservation_of(row)


def read_totals(
    conn: Connection, venue_id: str, business_date: date, instant: datetime | None = None
) -> Totals:
    """Read the figures of a business date as they were at `instant` (`tests.figures.totals_at` is
    the definition); None: as they stand.

    What stands is not what was valid at the reader's present: the clock of the last writer may be
    ahead of it.
    """
    instant_ms = FOREVER_MS - 1 if instant is None else to_ms(instant)
    values = {"venue": venue_id, "business_date": business_date.isoformat(), "instant": instant_ms}
    return Totals(*map(int, conn.execute(_READ_TOTALS, values).one()))


def read_sold(
    conn: Connection, venue_id: str, first_night: date, last_night: date
) -> dict[tuple[str, date], int]:
    """Rooms sold by (room type, night), both nights included; what is absent is 0."""
    values = {"venue": venue_id, "first": first_night.isoformat(), "last": last_night.isoformat()}
    return {
        (room_type, date.fromisoformat(night)): sold
        for room_type, night, sold in conn.execute(_READ_SOLD, values)
    }


def earliest_date(start: datetime) -> str:
    """A bound for the index: no venue's business date at `start` lies before it (twelve hours
    behind UTC, closing late).
    """
    return (start.date() - timedelta(days=2)).isoformat()


def latest_date(start: datetime) -> str:
    """A bound for the index: no venue's business date at `start` lies after it (fourteen hours
    ahead of UTC).
    """
    return (start.date() + timedelta(days=1)).isoformat()
