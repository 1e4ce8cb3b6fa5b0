"""Operation `put`: the whole state of a reservation as another system has it. Its transitions,
full nights and early instants are that system's business; money, nights and statuses are checked.
"""

from dataclasses import replace
from datetime import datetime

from rtdash.domain.money_refusals import AmountBelowCharges
from rtdash.domain.refusals import BadValue, MissingField
from rtdash.domain.reservations import Operation, Reservation, Status
from rtdash.domain.terms import state_of
from rtdash.domain.venues import Venue, VenueKind

_OF_BOTH = (Status.PENDING, Status.CONFIRMED, Status.CANCELLED, Status.NO_SHOW)
STATUSES = {
    VenueKind.HOTEL: (*_OF_BOTH, Status.CHECKED_IN, Status.CHECKED_OUT),
    VenueKind.RESTAURANT: (*_OF_BOTH, Status.SEATED, Status.COMPLETED),
}
"""The statuses that a reservation of each kind can have."""


def is_known_version(operation: Operation, current: Reservation | None) -> bool:
    """Return whether `current` is a state as new as the one that is put, or newer."""
    return (
        current is not None
        and current.source_version is not None
        and operation.source_version is not None
        and operation.source_version <= current.source_version
    )


def put(
    operation: Operation,
    current: Reservation | None,
    reservation_id: str,
    *,
    venue: Venue,
    instant: datetime,
) -> Reservation:
    """Return the state that is put, as the next version of `current`, or as the first one.

    What the snapshot leaves out has the default that a booking gives it. A cancellation needs
    nothing but its status where the reservation is known: what a source has deleted it can't
    describe any more. Raises Refusal.
    """
    if operation.source_version is None:
        raise MissingField(operation.op, "sourceVersion")
    _check_status(operation.status, venue)
    if current is not None and _is_bare_cancellation(operation):
        after = replace(current, status=Status.CANCELLED)
    else:
        after = state_of(operation, reservation_id, venue=venue, instant=instant)
    if current is None:
        return replace(after, source_version=operation.source_version)
    if after.amount_minor < current.charged_minor:
        raise AmountBelowCharges(after.amount_minor, current.charged_minor, venue.currency)
    return replace(
        after,
        charged_minor=current.charged_minor,
        created_at=current.created_at,
        changed_at=instant,
        version=current.version + 1,
        source_version=operation.source_version,
    )


def _check_status(status: Status | None, venue: Venue) -> None:
    allowed = STATUSES[venue.kind]
    if status is not None and status not in allowed:
        raise BadValue("status", f"must be one of {', '.join(allowed)} at a {venue.kind}")


def _is_bare_cancellation(operation: Operation) -> bool:
    return operation.status is Status.CANCELLED and operation.customer_name is None
