"""Money of a reservation: what is paid, given back and charged, and which amounts are refused."""

from dataclasses import replace
from datetime import datetime

from rtdash.domain.money import MAX_MINOR
from rtdash.domain.money_refusals import Overpaid, RefundTooLarge
from rtdash.domain.refusals import BadValue, MissingField, UnknownCategory
from rtdash.domain.reservations import Charge, Operation, Reservation
from rtdash.domain.venues import Venue, VenueKind, business_date

CATEGORY_LIMIT = 60
"""Characters in a hotel's charge category."""


def pay(operation: Operation, current: Reservation, venue: Venue) -> Reservation:
    """Return the reservation with more paid. Raises Overpaid."""
    amount = _amount_of(operation)
    if amount > current.balance_minor:
        raise Overpaid(amount, current.balance_minor, venue.currency)
    return replace(current, paid_minor=current.paid_minor + amount)


def refund(operation: Operation, current: Reservation, venue: Venue) -> Reservation:
    """Return the reservation with less paid. Raises RefundTooLarge."""
    amount = _amount_of(operation)
    if amount > current.paid_minor:
        raise RefundTooLarge(amount, current.paid_minor, venue.currency)
    return replace(current, paid_minor=current.paid_minor - amount)


def charge(
    operation: Operation, current: Reservation, venue: Venue, instant: datetime
) -> tuple[Reservation, Charge]:
    """Return the reservation with a higher amount, and the charge on its business date."""
    amount = _amount_of(operation)
    made = Charge(_category(operation, venue), amount, business_date(venue, instant))
    if current.amount_minor + amount > MAX_MINOR:
        raise BadValue("amount", "makes the reservation dearer than an amount of money can be")
    return (
        replace(
            current,
            amount_minor=current.amount_minor + amount,
            charged_minor=current.charged_minor + amount,
        ),
        made,
    )


def _amount_of(operation: Operation) -> int:
    if operation.amount_minor is None:
        raise MissingField(operation.op, "amount")
    if operation.amount_minor == 0:
        raise BadValue("amount", "must be more than 0")
    return operation.amount_minor


def _category(operation: Operation, venue: Venue) -> str:
    label = (operation.category or "").strip()
    if not label:
        raise MissingField(operation.op, "category")
    if venue.kind is VenueKind.HOTEL:
        if len(label) > CATEGORY_LIMIT:
            raise BadValue("category", f"must have at most {CATEGORY_LIMIT} characters")
        return label
    known = venue.menu_category(label)
    if known is None:
        raise UnknownCategory(label, [category.id for category in venue.menu])
    return known.name


def check_amounts(operation: Operation) -> None:
    """Raise BadValue for an amount that no money can be."""
    for field, amount in (("amount", operation.amount_minor), ("paid", operation.paid_minor)):
        if amount is not None and not 0 <= amount <= MAX_MINOR:
            raise BadValue(
                field,
                (
                    "must not be negative"
                    if amount < 0
                    else "is beyond what an amount of money can be"
                ),
            )
