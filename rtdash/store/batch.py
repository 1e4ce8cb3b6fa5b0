"""Reads and writes of a batch of operations, in sets: one statement a table, whatever the number of
operations and venues.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from rtdash.domain.availability import Night
from rtdash.domain.customers import customer_key
from rtdash.domain.instants import to_ms
from rtdash.domain.reservations import Charge, Reservation
from rtdash.store.errors import is_trouble
from rtdash.store.prepared import Prepared, PreparedIn
from rtdash.store.reservations import COLUMNS, reservation_of
from rtdash.store.schema import FOREVER_MS, charges, reservations, room_nights, versions

Result = TypeVar("Result")


class Key(NamedTuple):
    """An operation's or a reservation's id, within its venue."""

    venue_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """Record of an applied operation, to answer its repeats: `body` is the reservation's JSON as it
    was answered.
    """

    digest: str
    reservation_id: str
    seq: int
    body: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A reservation as it is stored, and the operation that made this version of it."""

    reservation: Reservation
    operation_id: str


@dataclass(frozen=True, slots=True)
class Version:
    """An applied operation: what it made of its reservation (`before` None: it was new), and the
    charge that it made.
    """

    operation_id: str
    before: Stored | None
    after: Reservation
    charge: Charge | None
    record: Record


_RECORD = (
    versions.c.operation_id,
    versions.c.venue,
    versions.c.digest,
    versions.c.reservation,
    versions.c.seq,
    versions.c.body,
)
_READ_RECORDS = PreparedIn(lambda ids: select(*_RECORD).where(versions.c.operation_id.in_(ids)))
_READ_STORED = PreparedIn(
    lambda ids: select(*COLUMNS, reservations.c.operation_id).where(reservations.c.id.in_(ids))
)
_READ_SOLD = select(
    room_nights.c.venue, room_nights.c.room_type, room_nights.c.night, room_nights.c.sold
).where(
    room_nights.c.venue.in_(bindparam("venues", expanding=True)),
    room_nights.c.night.in_(bindparam("nights", expanding=True)),
)
_FIXED = frozenset({"id", "venue", "kind", "created_at"})
_INSERT_RESERVATIONS = Prepared(insert(reservations))
_UPDATE_RESERVATIONS = Prepared(
    update(reservations)
    .where(reservations.c.venue == bindparam("of_venue"), reservations.c.id == bindparam("of_id"))
    .values(
        {
            column.name: bindparam(column.name)
            for column in reservations.c
            if column.name not in _FIXED
        }
    )
)
_INSERT_VERSIONS = Prepared(insert(versions))
_END_VERSIONS = Prepared(
    update(versions)
    .where(
        versions.c.operation_id == bindparam("of_operation"),
        versions.c.venue == bindparam("of_venue"),
    )
    .values(valid_to=bindparam("valid_to"))
)
_INSERT_CHARGES = Prepared(insert(charges))
_INSERT_NIGHTS = Prepared(insert(room_nights))
_UPDATE_NIGHTS = Prepared(
    update(room_nights)
    .where(
        room_nights.c.venue == bindparam("of_venue"),
        room_nights.c.night == bindparam("of_night"),
        room_nights.c.room_type == bindparam("of_type"),
    )
    .values(sold=room_nights.c.sold + bindparam("change"))
)


def with_savepoint(conn: Connection, work: Callable[[], Result]) -> Result:
    """Return what `work` gives; what it raises leaves the transaction as it was before, except for
    the store's own trouble, which ends it.
    """
    conn.exec_driver_sql("SAVEPOINT apart")
    try:
        result = work()
    except Exception as error:
        if not is_trouble(error):
            conn.exec_driver_sql("ROLLBACK TO SAVEPOINT apart")
            conn.exec_driver_sql("RELEASE SAVEPOINT apart")
        raise
    conn.exec_driver_sql("RELEASE SAVEPOINT apart")
    return result


def load_records(conn: Connection, keys: Iterable[Key]) -> dict[Key, Record]:
    """Return those of the operations that were applied before."""
    rows = _READ_RECORDS.read(conn, {key.id for key in keys})
    return {Key(venue, operation_id): Record(*rest) for operation_id, venue, *rest in rows}


def load_stored(conn: Connection, keys: Iterable[Key]) -> dict[Key, Stored]:
    """Return those of the reservations that exist."""
    rows = _READ_STORED.read(conn, {key.id for key in keys})
    return {Key(row[1], row[0]): Stored(reservation_of(row), row[-1]) for row in rows}


def load_sold(
    conn: Connection, touched: Mapping[str, Collection[Night]]
) -> dict[str, dict[tuple[str, date], int]]:
    """Rooms sold, by venue, of the nights touched (and of the other room types on their dates);
    what is absent has no row.
    """
    sold: dict[str, dict[tuple[str, date], int]] = {venue_id: {} for venue_id in touched}
    nights = {night.date.isoformat() for nights in touched.values() for night in nights}
    if nights:
        for venue, room_type, night, number in conn.execute(
            _READ_SOLD, {"venues": sorted(touched), "nights": sorted(nights)}
        ):
            sold[venue][room_type, date.fromisoformat(night)] = number
    return sold


def save_versions(conn: Connection, applied: Sequence[Version]) -> None:
    """Write what the operations made, in the order in which they were decided; several may be about
    one reservation.
    """
    if not applied:
        return
    first: dict[Key, Version] = {}
    last: dict[Key, Version] = {}
    for version in applied:
        key = Key(version.after.venue_id, version.after.id)
        first.setdefault(key, version)
        last[key] = version
    new = [_reservation_row(last[key]) for key, version in first.items() if version.before is None]
    if new:
        _INSERT_RESERVATIONS.run(conn, new)
    changed = [_changed_row(key, last[key]) for key, version in first.items() if version.before]
    if changed:
        _UPDATE_RESERVATIONS.run(conn, changed)
    _save_history(conn, applied)
    charged = [_charge_row(version, version.charge) for version in applied if version.charge]
    if charged:
        _INSERT_CHARGES.run(conn, charged)


def save_rooms(
    conn: Connection,
    venue_id: str,
    changes: Mapping[Night, int],
    loaded: Collection[tuple[str, date]],
) -> None:
    """Add `changes` to the counts of a hotel; `loaded` has those of them with a row already."""
    known = [
        {
            "of_venue": venue_id,
            "of_night": night.date.isoformat(),
            "of_type": night.room_type,
            "change": change,
        }
        for night, change in changes.items()
        if night in loaded
    ]
    fresh = [
        {
            "venue": venue_id,
            "night": night.date.isoformat(),
            "room_type": night.room_type,
            "sold": change,
        }
        for night, change in changes.items()
        if night not in loaded
    ]
    if known:
        _UPDATE_NIGHTS.run(conn, known)
    if fresh:
        _INSERT_NIGHTS.run(conn, fresh)


def _save_history(conn: Connection, applied: Sequence[Version]) -> None:
    """A version ends when the next one begins: in its own row where both are of this batch, by an
    update otherwise.
    """
    rows = {
        Key(version.after.venue_id, version.operation_id): _version_row(version)
        for version in applied
    }
    ended = []
    for version in applied:
        if version.before is None:
            continue
        venue_id, changed_at = version.after.venue_id, to_ms(version.after.changed_at)
        row = rows.get(Key(venue_id, version.before.operation_id))
        if row is not None:
            row["valid_to"] = changed_at
        else:
            ended.append(
                {
                    "of_operation": version.before.operation_id,
                    "of_venue": venue_id,
                    "valid_to": changed_at,
                }
            )
    if ended:
        _END_VERSIONS.run(conn, ended)
    _INSERT_VERSIONS.run(conn, list(rows.values()))


def _reservation_row(version: Version) -> dict[str, object]:
    after = version.after
    return {
        "id": after.id,
        "venue": after.venue_id,
        "kind": after.kind.value,
        "customer_name": after.customer_name,
        "customer_email": after.customer_email,
        "customer_phone": after.customer_phone,
        "customer_key": customer_key(
            after.customer_name, after.customer_email, after.customer_phone
        ),
        "guests": after.guests,
        "status": after.status.value,
        "source": after.source,
        "amount": after.amount_minor,
        "charged": after.charged_minor,
        "paid": after.paid_minor,
        "start": to_ms(after.start),
        "business_date": after.business_date.isoformat(),
        "created_at": to_ms(after.created_at),
        "changed_at": to_ms(after.changed_at),
        "version": after.version,
        "room_type": after.room_type,
        "check_in": after.check_in and after.check_in.isoformat(),
        "check_out": after.check_out and after.check_out.isoformat(),
        "duration_minutes": after.duration_minutes,
        "source_version": after.source_version,
        "operation_id": version.operation_id,
    }


def _changed_row(key: Key, version: Version) -> dict[str, object]:
    row = {name: value for name, value in _reservation_row(version).items() if name not in _FIXED}
    return {**row, "of_venue": key.venue_id, "of_id": key.id}


def _version_row(version: Version) -> dict[str, object]:
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


def _charge_row(version: Version, charge: Charge) -> dict[str, object]:
    return {
        "operation_id": version.operation_id,
        "venue": version.after.venue_id,
        "reservation": version.after.id,
        "category": charge.category,
        "amount": charge.amount_minor,
        "business_date": charge.business_date.isoformat(),
    }
