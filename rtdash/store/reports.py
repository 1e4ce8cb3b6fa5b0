"""Rows for the reports over business dates; `domain.reports` makes their shapes. Each is one query,
and finds its rows by indexes.
"""

from datetime import date

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    union,
)

from rtdash.domain.reports import CustomerVisits, ReportStay
from rtdash.domain.reservations import NOT_COMING, Charge, Status
from rtdash.store.prepared import Prepared
from rtdash.store.schema import IS_VISITED, charges, reservations

_STATUS = {status.value: status for status in Status}
"""Looking it up here takes a fifth of what `Status(value)` takes."""
_IS_COMING = and_(*(reservations.c.status != absent for absent in sorted(NOT_COMING)))
_ROW_ID = literal_column("reservations.rowid", Integer)
_OF_VENUE = reservations.c.venue == bindparam("venue")
_STARTS_WITHIN = and_(
    _OF_VENUE, reservations.c.business_date.between(bindparam("first"), bindparam("last"))
)
_STAYS_WITHIN = and_(
    _OF_VENUE,
    reservations.c.check_out > bindparam("first"),
    reservations.c.check_in <= bindparam("last"),
)
_before = func.sum(case((reservations.c.business_date < bindparam("first"), 1), else_=0))
_within = func.sum(case((reservations.c.business_date >= bindparam("first"), 1), else_=0))


def _any_of(conn: Connection, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition of rows that meet one of these, for each of which there is an index.

    An index finds rows in its own order, and SQLite would read their pages in that order, most of
    them several times where the table is larger than its cache. By the rows' places in the table
    it reads each page once; PostgreSQL's bitmaps do so by themselves.
    """
    if conn.dialect.name != "sqlite":
        return or_(*conditions)
    places = [select(_ROW_ID).select_from(reservations).where(one) for one in conditions]
    return _ROW_ID.in_(union(*places) if len(places) > 1 else places[0].correlate(None))


def _stays(conn: Connection) -> Select[tuple[str, str, int, int, str, str, str]]:
    return select(
        reservations.c.business_date,
        reservations.c.status,
        reservations.c.guests,
        reservations.c.amount - reservations.c.charged,
        reservations.c.room_type,
        reservations.c.check_in,
        reservations.c.check_out,
    ).where(_any_of(conn, _STARTS_WITHIN, _STAYS_WITHIN))


def _sources(conn: Connection) -> Select[tuple[str, int]]:
    return (
        select(reservations.c.source, func.count())
        .where(_any_of(conn, _STARTS_WITHIN), _IS_COMING)
        .group_by(reservations.c.source)
    )


def _visits(conn: Connection) -> Select[tuple[int, int]]:
    # Customers of the period are found by date, and only their past is looked up: most customers
    # of a year did not come this month.
    came = select(reservations.c.customer_key).where(_any_of(conn, _STARTS_WITHIN), IS_VISITED)
    return (
        select(_before, _within)
        .where(
            _OF_VENUE,
            IS_VISITED,
            reservations.c.customer_key.in_(came),
            reservations.c.business_date <= bindparam("last"),
        )
        .group_by(reservations.c.customer_key)
    )


_READ_STAYS, _READ_SOURCES, _READ_VISITS = Prepared(_stays), Prepared(_sources), Prepared(_visits)
_READ_CHARGES = Prepared(
    select(charges.c.category, func.sum(charges.c.amount), charges.c.business_date)
    .where(
        charges.c.venue == bindparam("venue"),
        charges.c.business_date.between(bindparam("first"), bindparam("last")),
    )
    .group_by(charges.c.business_date, charges.c.category)
)


def read_stays(conn: Connection, venue_id: str, first: date, last: date) -> list[ReportStay]:
    """Reservations that start on the business dates from `first` to `last`, or have a night on one
    of them; whatever their status.
    """
    rows = _READ_STAYS.read(conn, _values(venue_id, first, last))
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
    rows = _READ_CHARGES.read(conn, _values(venue_id, first, last))
    return [
        Charge(category, int(amount), date.fromisoformat(day)) for category, amount, day in rows
    ]


def read_sources(conn: Connection, venue_id: str, first: date, last: date) -> dict[str, int]:
    """Reservations by source, neither Cancelled nor NoShow, that start on the dates from `first` to
    `last`.
    """
    return dict(_READ_SOURCES.read(conn, _values(venue_id, first, last)))


def read_visits(conn: Connection, venue_id: str, first: date, last: date) -> list[CustomerVisits]:
    """Each customer with a visit (CheckedOut, Completed) from `first` to `last`: how many they had
    before, and in it.
    """
    return [
        CustomerVisits(int(before), int(within))
        for before, within in _READ_VISITS.read(conn, _values(venue_id, first, last))
    ]


def _values(venue_id: str, first: date, last: date) -> dict[str, str]:
    return {"venue": venue_id, "first": first.isoformat(), "last": last.isoformat()}
