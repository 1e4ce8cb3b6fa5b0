"""Rewriting of rows and bodies so that they name no guest, for erasures and for what is kept too
long.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Table, update

from rtdash.domain.customers import ERASED, customer_initials
from rtdash.domain.instants import from_ms, to_ms
from rtdash.domain.reservations import Op
from rtdash.domain.venues import Venue
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.protocol.messages import decode, encode, reservation_message
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.store import batch, dialects, event_log
from rtdash.store.batch import Record, Stored, Version
from rtdash.store.event_log import NewEvent, StoredEvent
from rtdash.store.schema import reservations

_FIELDS = {
    "customerName": ERASED,
    "customerInitials": customer_initials(ERASED),
    "customerEmail": None,
    "customerPhone": None,
}


def overwrite_what_goes(conn: Connection) -> None:
    """Make SQLite overwrite the pages that it frees, from now on, on this connection."""
    if not dialects.has_row_locks(conn):
        conn.exec_driver_sql("PRAGMA secure_delete=ON")


def ids_in(body: str, ids: Collection[str]) -> set[str]:
    """Return those of `ids` that stand in an encoded body as a text of their own."""
    return set(body.split('"')).intersection(ids)


def rewrite(
    conn: Connection, table: Table, where: ColumnElement[bool], body: str, names: Collection[str]
) -> None:
    """Store a body without the guest: fields by their name, texts by the `names` in them."""
    erased = encode(_erased(decode(body), sorted(names, key=len, reverse=True))).decode()
    conn.execute(update(table).where(where).values(body=erased))


def anonymise(
    conn: Connection, stored: Stored, venue: Venue, key: str, *, now: datetime
) -> StoredEvent:
    """Give a reservation a version without the guest, and return its event, to be announced after
    the commit. `key` stands for the guest in statistics.
    """
    before = stored.reservation
    after = replace(
        before,
        customer_name=ERASED,
        customer_email=None,
        customer_phone=None,
        changed_at=max(before.changed_at, from_ms(to_ms(now))),
        version=before.version + 1,
    )
    operation_id = f"erasure-{uuid4().hex}"
    body = reservation_json(after, venue)
    channel = reservations_channel(venue.kind)
    message = reservation_message(
        channel, venue.id, body, change=Op.AMEND, operation_id=operation_id
    )
    (event,) = event_log.append(conn, [NewEvent(Stream(venue.id, channel), message)], now=now)
    record = Record("", after.id, event.seq, encode(body).decode())
    batch.save_versions(conn, [Version(operation_id, stored, after, None, record)])
    conn.execute(
        update(reservations)
        .where(reservations.c.id == after.id, reservations.c.venue == after.venue_id)
        .values(customer_key=key)
    )
    return event


def _erased(value: Any, names: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _FIELDS[key] if key in _FIELDS else _erased(inner, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_erased(inner, names) for inner in value]
    if isinstance(value, str):
        for name in names:
            value = value.replace(name, ERASED)
    return value
