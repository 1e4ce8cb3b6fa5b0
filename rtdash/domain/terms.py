"""Terms of a reservation: guest, dates, place and price, when it is booked and when it is amended."""

import re
from dataclasses import replace
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from rtdash.domain.availability import MAX_NIGHTS
from rtdash.domain.customers import is_visible
from rtdash.domain.local_starts import local_start
from rtdash.domain.money_refusals import AmountBelowCharges, Overpaid
from rtdash.domain.refusals import BadValue, MissingField, NotAmendable
from rtdash.domain.reservations import EXPECTED, Operation, Reservation, Status
from rtdash.domain.stay_refusals import DatesReversed, OverCapacity, StayTooLong, UnknownRoomType
from rtdash.domain.venues import Venue, VenueKind, business_date, stay_start

RESERVATION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)
"""Pattern of a reservation's id: it stands in addresses as it is (unreserved characters of RFC
3986).
"""

YEARS = range(1970, 2200)
"""Years in which a reservation can lie; the ends of the calendar have no room for time zones."""

_WIRE_NAMES = {
    "customer_name": "customerName",
    "guests": "guests",
    "source": "source",
    "room_type": "roomType",
    "check_in": "checkIn",
    "check_out": "checkOut",
    "start": "date",
    "duration_minutes": "durationMinutes",
}
_HOTEL_FIELDS = ("room_type", "check_in", "check_out")
_RESTAURANT_FIELDS = ("start", "duration_minutes")
_NEEDED = {
    VenueKind.HOTEL: ("customer_name", "guests", "source", *_HOTEL_FIELDS),
    VenueKind.RESTAURANT: ("customer_name", "guests", "source", "start"),
}
_AMENDED_FIELDS = (
    *(
        "customer_name",
        "customer_email",
        "customer_phone",
        "guests",
        "source",
        "status",
        "amount_minor",
        "paid_minor",
    ),
    *_HOTEL_FIELDS,
    *_RESTAURANT_FIELDS,
)
_AMENDABLE = frozenset({Status.PENDING, Status.CONFIRMED, Status.CHECKED_IN, Status.SEATED})


def book(
    operation: Operation, reservation_id: str, *, venue: Venue, instant: datetime
) -> Reservation:
    """Return the first version of a reservation, booked at `instant`.

    What is of the past (`at`) is not held to a room's capacity. Raises Refusal for what is missing
    or wrong.
    """
    _check_new_status(operation)
    booked = state_of(operation, reservation_id, venue=venue, instant=instant)
    if operation.at is None:
        _check_capacity(booked, venue)
    return _paid_within(booked, operation, venue)


def state_of(
    operation: Operation, reservation_id: str, *, venue: Venue, instant: datetime
) -> Reservation:
    """Return the reservation that an operation describes whole, as a first version.

    Without an amount a stay costs the base rate of each night, a table nothing. Raises Refusal for
    what is missing, and for terms that no reservation can have.
    """
    _check_terms(operation, venue)
    name, guests, source = _needed(operation, venue.kind)
    start = _start(operation, venue)
    amount = operation.amount_minor
    if amount is None:
        stay = operation.room_type, operation.check_in, operation.check_out
        amount = _standard_price(venue, *stay) or 0
    return Reservation(
        id=reservation_id,
        venue_id=venue.id,
        kind=venue.kind,
        customer_name=name,
        customer_email=operation.customer_email,
        customer_phone=operation.customer_phone,
        guests=guests,
        status=operation.status or Status.CONFIRMED,
        source=source,
        amount_minor=amount,
        charged_minor=0,
        paid_minor=operation.paid_minor or 0,
        start=start,
        business_date=business_date(venue, start),
        created_at=instant,
        changed_at=instant,
        version=1,
        room_type=operation.room_type,
        check_in=operation.check_in,
        check_out=operation.check_out,
        duration_minutes=operation.duration_minutes,
        local_start=local_start(venue, start),
    )


def amend(operation: Operation, current: Reservation, *, venue: Venue) -> Reservation:
    """Return `current` with the terms that `operation` gives (version and instant as they were).

    A stay at the standard price stays at it when its dates or room type change; an agreed amount
    changes only when one is given. Raises Refusal.
    """
    if current.status not in _AMENDABLE:
        raise NotAmendable(operation.op, current.status)
    given = {
        field: value
        for field in _AMENDED_FIELDS
        if (value := getattr(operation, field)) is not None
    }
    if not given:
        raise MissingField(operation.op, "at least one field to amend")
    stay = replace(
        operation,
        check_in=operation.check_in or current.check_in,
        check_out=operation.check_out or current.check_out,
    )
    _check_new_status(operation)
    _check_terms(stay, venue)
    if (
        operation.status is not None
        and operation.status != current.status
        and current.status not in EXPECTED
    ):
        raise NotAmendable(f"amend to {operation.status}", current.status)
    if operation.check_in or operation.start:
        start = _start(operation, venue)
        given |= {
            "start": start,
            "business_date": business_date(venue, start),
            "local_start": local_start(venue, start),
        }
    after = replace(current, **given)
    if operation.at is None and (operation.guests or operation.room_type):
        _check_capacity(after, venue)
    if operation.amount_minor is None:
        after = replace(after, amount_minor=_following_amount(current, after, venue))
    if after.amount_minor < after.charged_minor:
        raise AmountBelowCharges(after.amount_minor, after.charged_minor, venue.currency)
    return _paid_within(after, operation, venue)


def _needed(operation: Operation, kind: VenueKind) -> tuple[str, int, str]:
    """Return name, guests and source. Raises MissingField for any that a booking needs and lacks."""
    fields = _NEEDED[kind]
    values: tuple[Any, ...] = attrgetter(*fields)(operation)
    if None in values:
        raise MissingField(operation.op, _WIRE_NAMES[fields[values.index(None)]])
    return values[0], values[1], values[2]


def _check_new_status(operation: Operation) -> None:
    """Raise BadValue for a status that only an operation of its own leads to."""
    if operation.status is not None and operation.status not in EXPECTED:
        raise BadValue(
            "status",
            "can only be Confirmed or Pending here: the other statuses have operations of"
            " their own",
        )


def _check_terms(operation: Operation, venue: Venue) -> None:
    """Raise Refusal for terms that no reservation of the venue can have, whatever is left out."""
    for field in _RESTAURANT_FIELDS if venue.kind is VenueKind.HOTEL else _HOTEL_FIELDS:
        if getattr(operation, field) is not None:
            raise BadValue(_WIRE_NAMES[field], f"is not for a {venue.kind}: leave it out")
    if operation.customer_name is not None and not is_visible(operation.customer_name):
        raise BadValue("customerName", "must have a character that can be seen")
    if operation.guests is not None and operation.guests < 1:
        raise BadValue("guests", "must be at least 1")
    if operation.room_type is not None and venue.room_type(operation.room_type) is None:
        raise UnknownRoomType(operation.room_type, [known.id for known in venue.room_types])
    _check_dates(operation)


def _check_dates(operation: Operation) -> None:
    for field, day in (
        ("check_in", operation.check_in),
        ("check_out", operation.check_out),
        ("start", operation.start),
    ):
        if day is not None and day.year not in YEARS:
            raise BadValue(_WIRE_NAMES[field], f"must lie in the years {YEARS[0]} to {YEARS[-1]}")
    if operation.check_in is None or operation.check_out is None:
        return
    nights = (operation.check_out - operation.check_in).days
    if nights < 1:
        raise DatesReversed(operation.check_in, operation.check_out)
    if nights > MAX_NIGHTS:
        raise StayTooLong(nights, MAX_NIGHTS)


def _start(operation: Operation, venue: Venue) -> datetime:
    if operation.check_in is not None:
        return stay_start(venue, operation.check_in)
    assert operation.start is not None, "a booking has one or the other, checked before"
    return operation.start


def _following_amount(current: Reservation, after: Reservation, venue: Venue) -> int:
    before_price = _standard_price(venue, current.room_type, current.check_in, current.check_out)
    after_price = _standard_price(venue, after.room_type, after.check_in, after.check_out)
    if after_price is None or current.price_minor != before_price:
        return current.amount_minor
    return current.charged_minor + after_price


def _standard_price(
    venue: Venue, room_type_id: str | None, check_in: date | None, check_out: date | None
) -> int | None:
    room_type = venue.room_type(room_type_id) if room_type_id else None
    if room_type is None or check_in is None or check_out is None:
        return None
    return room_type.base_rate_minor * (check_out - check_in).days


def _check_capacity(reservation: Reservation, venue: Venue) -> None:
    room_type = venue.room_type(reservation.room_type or "")
    if (
        room_type is not None
        and not venue.allow_over_capacity
        and reservation.guests > room_type.capacity
    ):
        raise OverCapacity(reservation.guests, room_type.id, room_type.capacity)


def _paid_within(reservation: Reservation, operation: Operation, venue: Venue) -> Reservation:
    # Only what this operation says to be paid is judged: an amount that shrinks below an earlier
    # payment leaves a credit.
    if operation.paid_minor is not None and operation.paid_minor > reservation.amount_minor:
        raise Overpaid(operation.paid_minor, reservation.amount_minor, venue.currency)
    return reservation
