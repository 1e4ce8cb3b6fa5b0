"""Rows for the reports over business dates; `domain.reports` makes their shapes. Each is one query
over one covering index.
"""

from datetime import date

from sqlalchemy import Connection, bindparam, case, func, or_, select

from rtdash.domain.reports import CustomerVisits, ReportStay
from rtdash.domain.reservations import NOT_COMING, Charge, Status
from rtdash.store.schema import IS_VISITED, charges, reservations

_STATUS = {status.value: status for status in Status}
"""Looking it up here takes a fifth of what `Status(value)` takes."""
_ABSENT = sorted(status.value for status in NOT_COMING)
_STAY = (
    reservations.c.business_date,
    reservations.c.status,
    reservations.c.guests,
    (reservations.c.amount - reservations.c.charged).label("price"),
    reservations.c.room_type,
    reservations.c.check_in,
    reservations.c.check_out,
)
_OF_VENUE = reservations.c.venue == bindparam("venue")
_STARTS_WITHIN = reservations.c.business_date.between(bindparam("first"), bindparam("last"))
# Two indexed halves: stays that start in the period, and those that began before it and go on.
_READ_STARTING = select(*_STAY).where(_OF_VENUE, _STARTS_WITHIN)
_READ_STAYING = select(*_STAY).where(
    _OF_VENUE,
    reservations.c.check_out > bindparam("first"),
    reservations.c.check_in <= bindparam("last"),
    or_(
        reservations.c.business_date < bindparam("first"),
        reservations.c.business_date > bindparam("last"),
    ),
)
_READ_CHARGES = (
    select(charges.c.category, func.sum(charges.c.amount), charges.c.business_date)
    .where(
        charges.c.venue == bindparam("venue"),
        charges.c.business_date.between(bindparam("first"), bindparam("last")),
    )
    .group_by(charges.c.business_date, charges.c.category)
)
_READ_SOURCES = (
    select(reservations.c.source, func.count().label("number"))
    .where(_OF_VENUE, _STARTS_WITHIN, reservations.c.status.not_in(_ABSENT))
    .group_by(reservations.c.source)
)
# Customers of the period are found by date, and only their past is looked up: most customers of a
# year did not come this month.
_CAME = select(reservations.c.customer_key).where(_OF_VENUE, IS_VISITED, _STARTS_WITHIN)
_before = func.sum(case((reservations.c.business_date < bindparam("first"), 1), else_=0))
_within = func.sum(case((reservations.c.business_date >= bindparam("first"), 1), else_=0))
_READ_VISITS = (
    select(_before, _within)
    .where(
        _OF_VENUE,
        IS_VISITED,
        reservations.c.customer_key.in_(_CAME),
        reservations.c.business_date <= bindparam("last"),
    )
    .group_by(reservations.c.customer_key)
)


def read_stays(conn: Connection, venue_id: str, first: date, last: date) -> list[ReportStay]:
    """Reservations that start on the business dates from `first` to `last`, or have a night on one
    of them; whatever their status.
    """
    values = _values(venue_id, first, last)
    rows = [*conn.execute(_READ_STARTING, values), *conn.execute(_READ_STAYING, values)]
    day = date.fromisoformat
    return [
        ReportStay(
            day(business_date),
            _STATUS[status],
            guests,
            price,
            room_type,
            check_in and day(check_in),
            check_out and day(check_out),
        )
        for business_date, status, guests, price, room_type, check_in, check_out in rows
    ]


def read_charges(conn: Connection, venue_id: str, first: date, last: date) -> list[Charge]:
    """Return what was charged on each of the dates, summed by category, whatever became of the
    reservations: on cancelled ones and no-shows it is fees.
    """
    rows = conn.execute(_READ_CHARGES, _values(venue_id, first, last))
    return [
        Charge(category, int(amount), date.fromisoformat(day)) for category, amount, day in rows
    ]


def read_sources(conn: Connection, venue_id: str, first: date, last: date) -> dict[str, int]:
    """Reservations by source, neither Cancelled nor NoShow, that start on the dates from `first` to
    `last`.
    """
    return {
        row.source: row.number
        for row in conn.execute(_READ_SOURCES, _values(venue_id, first, last))
    }


def read_visits(conn: Connection, venue_id: str, first: date, last: date) -> list[CustomerVisits]:
    """Each customer with a visit (CheckedOut, Completed) from `first` to `last`: how many they had
    before, and in it.
    """
    return [
        CustomerVisits(int(before), int(within))
        for before, within in conn.execute(_READ_VISITS, _values(venue_id, first, last))
    ]


def _values(venue_id: str, first: date, last: date) -> dict[str, str]:
    return {"venue": venue_id, "first": first.isoformat(), "last": last.isoformat()}
