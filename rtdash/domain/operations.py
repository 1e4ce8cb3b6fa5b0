"""Operations: what each does to a reservation, and when it is refused (guide: rest, "Writing").
Decided purely, written by others.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote_json
from operator import attrgetter

from rtdash.domain.availability import Rooms, nights_held
from rtdash.domain.mirroring import put
from rtdash.domain.money_refusals import AmountBelowCharges
from rtdash.domain.payments import charge, check_amounts, pay, refund
from rtdash.domain.refusals import (
    BadValue,
    InstantGoesBack,
    InstantInFuture,
    InvalidTransition,
    MissingField,
    ReservationExists,
    ReservationNotFound,
    VersionChanged,
    WrongKind,
)
from rtdash.domain.reservations import Charge, Op, Operation, Reservation, Status
from rtdash.domain.terms import RESERVATION_ID, amend, book
from rtdash.domain.venues import Venue, VenueKind, business_date

DERIVED_IDS = 1_000
"""Ids of reservations that are remembered: each is asked for twice, before the batch is read and
when it is decided."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the table of statuses; `kind` None is for both kinds of venue."""

    sources: tuple[Status, ...]
    target: Status
    kind: VenueKind | None = None


TRANSITIONS: Mapping[Op, Transition] = {
    Op.CONFIRM: Transition((Status.PENDING,), Status.CONFIRMED),
    Op.CHECK_IN: Transition((Status.CONFIRMED,), Status.CHECKED_IN, VenueKind.HOTEL),
    Op.UNDO_CHECK_IN: Transition((Status.CHECKED_IN,), Status.CONFIRMED, VenueKind.HOTEL),
    Op.CHECK_OUT: Transition((Status.CHECKED_IN,), Status.CHECKED_OUT, VenueKind.HOTEL),
    Op.SEAT: Transition((Status.CONFIRMED,), Status.SEATED, VenueKind.RESTAURANT),
    Op.UNDO_SEAT: Transition((Status.SEATED,), Status.CONFIRMED, VenueKind.RESTAURANT),
    Op.COMPLETE: Transition((Status.SEATED,), Status.COMPLETED, VenueKind.RESTAURANT),
    Op.CANCEL: Transition((Status.PENDING, Status.CONFIRMED), Status.CANCELLED),
    Op.REINSTATE: Transition((Status.CANCELLED,), Status.CONFIRMED),
    Op.NO_SHOW: Transition((Status.CONFIRMED,), Status.NO_SHOW),
    Op.UNDO_NO_SHOW: Transition((Status.NO_SHOW,), Status.CONFIRMED),
}
"""The operations that do nothing but move the status."""

_CONTENT = sorted(
    field.name
    for field in fields(Operation)
    if field.name not in {"operation_id", "venue_id", "if_versions"}
)
_content_of = attrgetter(*_CONTENT)


@dataclass(frozen=True, slots=True)
class Decision:
    """Result of an operation: the next version of its reservation, and the charge that it makes, if
    it makes one.
    """

    reservation: Reservation
    charge: Charge | None = None


def decide(
    operation: Operation, current: Reservation | None, *, venue: Venue, now: datetime, rooms: Rooms
) -> Decision:
    """Return what becomes of `current` (None: it doesn't exist yet) by an operation that arrives at
    `now`.

    The nights that it takes or gives back are entered in `rooms`, which must know all of
    `nights_touched_in_turn`. Raises Refusal, and then `rooms` is as it was.
    """
    made = None
    if operation.op is Op.BOOK:
        after = _booked(operation, current, venue, now)
    elif operation.op is Op.PUT:
        after = _put(operation, current, venue, now)
    else:
        before = _existing(operation, current)
        if operation.if_versions is not None and before.version not in operation.if_versions:
            raise VersionChanged(before.version)
        instant = _effective_instant(operation, before, now)
        after, made = _changed(operation, before, venue, instant)
        after = replace(after, changed_at=instant, version=before.version + 1)
    rooms.exchange(
        nights_held(current), nights_held(after), venue, is_judged=operation.op is not Op.PUT
    )
    return Decision(after, made)


@lru_cache(maxsize=DERIVED_IDS)
def derive_reservation_id(venue_id: str, operation_id: str) -> str:
    """Return the id of a reservation that is booked without one: the same for every repeat of the
    operation.
    """
    named = f"[{quote_json(venue_id)}, {quote_json(operation_id)}]"
    return "res-" + hashlib.sha256(named.encode("ascii")).hexdigest()[:20]


def content_digest(operation: Operation) -> str:
    """Return a digest of what an operation asks for, whatever its id: equal content, equal digest,
    also across versions of rtdash.

    It is of the text that the standard library's encoder writes with sorted keys. That text is put
    together here: making the encoder anew for each operation takes half the time of the digest.
    """
    members = [
        f'"{name}": {_member(value)}'
        for name, value in zip(_CONTENT, _content_of(operation), strict=True)
        if value is not None
    ]
    return hashlib.sha256(f"{{{', '.join(members)}}}".encode("ascii")).hexdigest()


def _booked(
    operation: Operation, current: Reservation | None, venue: Venue, now: datetime
) -> Reservation:
    reservation_id = operation.reservation_id or derive_reservation_id(
        venue.id, operation.operation_id
    )
    if current is not None:
        raise ReservationExists(reservation_id)
    _check_id(reservation_id)
    check_amounts(operation)
    return book(
        operation, reservation_id, venue=venue, instant=_effective_instant(operation, None, now)
    )


def _put(
    operation: Operation, current: Reservation | None, venue: Venue, now: datetime
) -> Reservation:
    """Return the state put; an instant earlier than the last change is taken as that one."""
    if operation.reservation_id is None:
        raise MissingField(operation.op, "reservationId")
    if operation.at is not None and operation.at > now:
        raise InstantInFuture(operation.at, now)
    _check_id(operation.reservation_id)
    check_amounts(operation)
    given = operation.at or now
    instant = given if current is None else max(given, current.changed_at)
    return put(operation, current, operation.reservation_id, venue=venue, instant=instant)


def _check_id(reservation_id: str) -> None:
    if not RESERVATION_ID.fullmatch(reservation_id):
        raise BadValue(
            "reservationId",
            "must be 1 to 64 letters, digits, '.', '_', '~' or '-', beginning with a letter or"
            " digit",
        )


def _existing(operation: Operation, current: Reservation | None) -> Reservation:
    if current is None:
        raise ReservationNotFound(operation.reservation_id)
    return current


def _effective_instant(
    operation: Operation, current: Reservation | None, now: datetime
) -> datetime:
    if operation.at is None:
        return now if current is None else max(now, current.changed_at)
    if operation.at > now:
        raise InstantInFuture(operation.at, now)
    if current is not None and operation.at < current.changed_at:
        raise InstantGoesBack(operation.at, current.changed_at)
    return operation.at


def _changed(
    operation: Operation, current: Reservation, venue: Venue, instant: datetime
) -> tuple[Reservation, Charge | None]:
    check_amounts(operation)
    match operation.op:
        case Op.AMEND:
            return amend(operation, current, venue=venue), None
        case Op.PAY:
            return pay(operation, current, venue), None
        case Op.CHARGE:
            return charge(operation, current, venue, instant)
        case Op.REFUND:
            return refund(operation, current, venue), None
        case Op.CHECK_OUT:
            return _departed(operation, _moved(operation.op, current), venue, instant), None
        case _:
            return _moved(operation.op, current), None


def _departed(
    operation: Operation, after: Reservation, venue: Venue, instant: datetime
) -> Reservation:
    """Shorten a stay that is left early: it frees the nights from that business date on, but for
    the first.
    """
    assert after.check_in is not None, "only a hotel has check_out"
    assert after.check_out is not None, "only a hotel has check_out"
    left_on = max(business_date(venue, instant), after.check_in + timedelta(days=1))
    amount = after.amount_minor if operation.amount_minor is None else operation.amount_minor
    if amount < after.charged_minor:
        raise AmountBelowCharges(amount, after.charged_minor, venue.currency)
    return replace(after, check_out=min(after.check_out, left_on), amount_minor=amount)


def _moved(op: Op, current: Reservation) -> Reservation:
    transition = TRANSITIONS[op]
    if transition.kind not in {None, current.kind}:
        raise WrongKind(op, current.kind)
    if current.status not in transition.sources:
        raise InvalidTransition(op, current.status, transition.sources)
    return replace(current, status=transition.target)


def _member(value: datetime | date | str | int) -> str:
    """Return a value of the content as JSON."""
    if isinstance(value, str):
        return quote_json(value)
    if isinstance(value, datetime):
        return quote_json(value.astimezone(UTC).isoformat())
    return quote_json(value.isoformat()) if isinstance(value, date) else repr(value)
