"""Rows of one business date at the front desk; `domain.movements` makes the sums."""

from datetime import date, datetime, timedelta

from sqlalchemy import Connection, bindparam, func, or_, select

from rtdash.domain.instants import from_ms, to_ms
from rtdash.domain.movements import OVERDUE_DAYS, DayChanges, PartyRow, StayRow
from rtdash.domain.reservations import Status
from rtdash.store.schema import reservations, versions

_STATUS = {status.value: status for status in Status}
_OF_VENUE = reservations.c.venue == bindparam("venue")
# One range of the index by night: stays that end on the date or later, and, for a while, that
# guest should have left before it. Arrivals are among them, since a stay ends after it begins.
_READ_STAYS = select(
    reservations.c.status,
    reservations.c.guests,
    reservations.c.check_in,
    reservations.c.check_out,
).where(
    _OF_VENUE,
    reservations.c.check_out >= bindparam("overdue"),
    reservations.c.check_in <= bindparam("day"),
    or_(
        reservations.c.check_out >= bindparam("day"),
        reservations.c.status == Status.CHECKED_IN.value,
    ),
)
_READ_PARTIES = select(reservations.c.status, reservations.c.guests, reservations.c.start).where(
    _OF_VENUE, reservations.c.business_date == bindparam("day")
)
_COUNT_BOOKED = (
    select(func.count())
    .select_from(versions)
    .where(
        versions.c.venue == bindparam("venue"),
        versions.c.valid_from >= bindparam("begin"),
        versions.c.valid_from < bindparam("end"),
        versions.c.version == 1,
    )
)
# The index by date has all that is compared here, so that only what matches is looked up.
_READ_CANCELLED = select(versions.c.reservation, versions.c.version, versions.c.valid_from).where(
    versions.c.venue == bindparam("venue"),
    versions.c.status == Status.CANCELLED.value,
    versions.c.valid_to > bindparam("begin"),
    versions.c.valid_from < bindparam("end"),
    or_(versions.c.valid_from >= bindparam("begin"), versions.c.valid_to < bindparam("end")),
)


def read_stays(conn: Connection, venue_id: str, day: date) -> list[StayRow]:
    """Read the stays that arrive, depart or are in house on `day`, whatever their status."""
    values = {
        "venue": venue_id,
        "day": day.isoformat(),
        "overdue": (day - timedelta(days=OVERDUE_DAYS)).isoformat(),
    }
    parse = date.fromisoformat
    return [
        StayRow(_STATUS[status], guests, parse(check_in), parse(check_out))
        for status, guests, check_in, check_out in conn.execute(_READ_STAYS, values)
    ]


def read_parties(conn: Connection, venue_id: str, day: date) -> list[PartyRow]:
    """Read a restaurant's reservations that start on the business date, whatever their status."""
    rows = conn.execute(_READ_PARTIES, {"venue": venue_id, "day": day.isoformat()})
    return [PartyRow(_STATUS[status], guests, from_ms(start)) for status, guests, start in rows]


def count_changes(conn: Connection, venue_id: str, begin: datetime, end: datetime) -> DayChanges:
    """Count what was booked and what was cancelled from `begin` up to, not including, `end`.

    A fee on a cancelled reservation is no second cancellation: only a version after one that was
    not Cancelled counts, and a reservation once.
    """
    values = {"venue": venue_id, "begin": to_ms(begin), "end": to_ms(end)}
    booked = conn.execute(_COUNT_BOOKED, values).scalar_one()
    rows = conn.execute(_READ_CANCELLED, values).all()
    known = {(reservation, version) for reservation, version, _ in rows}
    cancelled = {
        reservation
        for reservation, version, valid_from in rows
        if valid_from >= values["begin"] and (reservation, version - 1) not in known
    }
    return DayChanges(int(booked), len(cancelled))
