"""Operations and reservations of a batch as values, and as rows of the tables."""

from typing import NamedTuple

from rtdash.domain.customers import ERASED, customer_key
from rtdash.domain.instants import to_ms
from rtdash.domain.reservations import Charge, Reservation
from rtdash.store.schema import FOREVER_MS

FIXED = frozenset({"id", "venue", "kind", "created_at"})
"""Columns of a reservation that no later version changes."""


class RowKey(NamedTuple):
    """An operation's or a reservation's id, within its venue."""

    venue_id: str
    id: str


class Record(NamedTuple):
    """Record of an applied operation, to answer its repeats: `body` is the reservation's JSON as it
    was answered.
    """

    digest: str
    reservation_id: str
    seq: int
    body: str


class Stored(NamedTuple):
    """A reservation as it is stored, and the operation that made this version of it."""

    reservation: Reservation
    operation_id: str


class Version(NamedTuple):
    """An applied operation: what it made of its reservation (`before` None: it was new), and the
    charge that it made.
    """

    operation_id: str
    before: Stored | None
    after: Reservation
    charge: Charge | None
    record: Record


def reservation_row(version: Version) -> dict[str, object]:
    """Return the row of the reservation that a version leaves."""
    after = version.after
    start = to_ms(after.start)
    return {
        "id": after.id,
        "venue": after.venue_id,
        "kind": after.kind.value,
        "customer_name": after.customer_name,
        "customer_email": after.customer_email,
        "customer_phone": after.customer_phone,
        "customer_key": _customer_key(after),
        "guests": after.guests,
        "status": after.status.value,
        "source": after.source,
        "amount": after.amount_minor,
        "charged": after.charged_minor,
        "paid": after.paid_minor,
        "start": start,
        "business_date": after.business_date.isoformat(),
        "created_at": to_ms(after.created_at),
        "changed_at": to_ms(after.changed_at),
        "version": after.version,
        "room_type": after.room_type,
        "check_in": after.check_in and after.check_in.isoformat(),
        "check_out": after.check_out and after.check_out.isoformat(),
        "duration_minutes": after.duration_minutes,
        "source_version": after.source_version,
        "local_start": after.local_start,
        "local_of": start if after.local_start else None,
        "operation_id": version.operation_id,
    }


def changed_row(key: RowKey, version: Version) -> dict[str, object]:
    """Return the values of an update of a reservation that was there before."""
    row = {name: value for name, value in reservation_row(version).items() if name not in FIXED}
    return {**row, "of_venue": key.venue_id, "of_id": key.id}


def version_row(version: Version) -> dict[str, object]:
    """Return the row of the version itself, which holds until the next one."""
    after, record = version.after, version.record
    return {
        "operation_id": version.operation_id,
        "venue": after.venue_id,
        "digest": record.digest,
        "reservation": after.id,
        "version": after.version,
        "business_date": after.business_date.isoformat(),
        "status": after.status.value,
        "guests": after.guests,
        "amount": after.amount_minor,
        "balance": after.balance_minor,
        "valid_from": to_ms(after.changed_at),
        "valid_to": FOREVER_MS,
        "seq": record.seq,
        "body": record.body,
    }


def charge_row(version: Version, charge: Charge) -> dict[str, object]:
    """Return the row of the charge that a version made."""
    return {
        "operation_id": version.operation_id,
        "venue": version.after.venue_id,
        "reservation": version.after.id,
        "category": charge.category,
        "amount": charge.amount_minor,
        "business_date": charge.business_date.isoformat(),
    }


def _customer_key(after: Reservation) -> str:
    """Return the key of the guest; an erased guest shares it with no other."""
    if after.customer_name == ERASED:
        return f"erased-{after.id}"
    return customer_key(after.customer_name, after.customer_email, after.customer_phone)
