"""Everything that the store knows of a guest: exported whole, or erased wherever it stands.

A guest's name is also inside the bodies of versions and events, and in notifications of staff.
Statistics don't change: amounts, dates and the fact that it was one guest stay, under a key that
stands for no one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, select

from rtdash.domain.customers import ERASED, customer_key, tidy_text
from rtdash.domain.reservations import Reservation
from rtdash.protocol.messages import decode
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.store import hooks
from rtdash.store.anonymising import anonymise, ids_in, overwrite_what_goes, rewrite
from rtdash.store.batch import Stored
from rtdash.store.event_log import StoredEvent
from rtdash.store.reservations import COLUMNS, reservation_of
from rtdash.store.schema import events, reservations, versions
from rtdash.store.venues import lock_venues, read_venues

_READ = select(*COLUMNS, reservations.c.customer_key, reservations.c.operation_id)
_OF_RESERVATIONS = 200
"""Reservations for which rows are looked up at once."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Guest to look for: exactly one field is given. An address as it is written, a telephone by
    its digits, a name as a reader sees it.
    """

    email: str | None = None
    phone: str | None = None
    name: str | None = None

    def matches(self, reservation: Reservation) -> bool:
        """Whether a reservation is this guest's."""
        if self.email is not None:
            wanted, key = _key(email=self.email), _key(email=reservation.customer_email)
        elif self.phone is not None:
            wanted, key = _key(phone=self.phone), _key(phone=reservation.customer_phone)
        else:
            wanted, key = _fold(self.name or ""), _fold(reservation.customer_name)
        return bool(wanted) and wanted == key


def export_guest(conn: Connection, guest: Guest) -> dict[str, Any]:
    """Return everything that is stored of a guest, as JSON values."""
    found = [reservation_of(row) for row in _rows(conn, guest)]
    ids = [one.id for one in found]
    venues = {venue.id: venue for venue in read_venues(conn)}
    return {
        "reservations": [
            reservation_json(one, venues[one.venue_id])
            | {"customerEmail": one.customer_email, "customerPhone": one.customer_phone}
            for one in found
        ],
        "versions": [decode(body) for _, body in _versions(conn, ids)],
        "events": [decode(body) for _, body in _events(conn, found)],
    }


def erase_guest(
    conn: Connection, guest: Guest, *, now: datetime
) -> tuple[list[StoredEvent], set[str]]:
    """Erase name, address and telephone of a guest everywhere. Returns a `reservation_update` event
    for each reservation, and the venues.

    The events are to be announced once the transaction is committed.
    """
    overwrite_what_goes(conn)
    rows = _rows(conn, guest)
    lock_venues(conn, {row.venue for row in rows})
    rows = _rows(conn, guest)  # as they stand under the lock
    found = [reservation_of(row) for row in rows]
    known = {tidy_text(one.customer_name) for one in found} | {one.customer_name for one in found}
    for where, body in list(_versions(conn, [one.id for one in found])):
        rewrite(conn, versions, where, body, known)
    for where, body in list(_events(conn, found)):
        rewrite(conn, events, where, body, known)
    hooks.forget_refused(conn)
    keys: dict[str, str] = {}
    venues = {venue.id: venue for venue in read_venues(conn)}
    events_made = [
        anonymise(
            conn,
            Stored(one, row.operation_id),
            venues[one.venue_id],
            keys.setdefault(row.customer_key, _nobody()),
            now=now,
        )
        for one, row in zip(found, rows, strict=True)
    ]
    return events_made, {one.venue_id for one in found}


def _rows(conn: Connection, guest: Guest) -> list[Any]:
    """Read one by one: no index leads to a guest, and this is rare."""
    result = conn.execute(_READ.order_by(reservations.c.venue, reservations.c.id))
    return [
        row for row in result if row.customer_name != ERASED and guest.matches(reservation_of(row))
    ]


def _versions(conn: Connection, ids: Sequence[str]) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Yield the condition for each version of the reservations, and its body."""
    for part in _parts(ids):
        rows = conn.execute(
            select(versions.c.operation_id, versions.c.venue, versions.c.body).where(
                versions.c.reservation.in_(part)
            )
        ).all()
        for operation_id, venue, body in rows:
            yield and_(versions.c.operation_id == operation_id, versions.c.venue == venue), body


def _events(
    conn: Connection, found: Sequence[Reservation]
) -> Iterator[tuple[ColumnElement[bool], str]]:
    """Yield the condition for each event that names one of the reservations, and its body."""
    ids = {one.id for one in found}
    for venue in sorted({one.venue_id for one in found}):
        rows = conn.execute(
            select(events.c.channel, events.c.seq, events.c.body).where(events.c.venue == venue)
        ).all()
        for channel, seq, body in rows:
            if ids_in(body, ids):
                where = (events.c.venue == venue, events.c.channel == channel, events.c.seq == seq)
                yield and_(*where), body


def _nobody() -> str:
    return f"erased-{uuid4().hex}"


def _key(*, email: str | None = None, phone: str | None = None) -> str:
    return customer_key("", email, phone)


def _fold(name: str) -> str:
    return tidy_text(name).casefold()


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _OF_RESERVATIONS):
        yield ids[start : start + _OF_RESERVATIONS]
