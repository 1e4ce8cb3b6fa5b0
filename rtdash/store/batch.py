"""Reads and writes of a batch of operations, in sets: one statement a table, whatever the number of
operations and venues.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from rtdash.domain.availability import Night
from rtdash.domain.instants import to_ms
from rtdash.store.batch_rows import (
    FIXED,
    Record,
    RowKey,
    Stored,
    Version,
    changed_row,
    charge_row,
    reservation_row,
    version_row,
)
from rtdash.store.errors import is_trouble
from rtdash.store.prepared import Prepared, PreparedIn
from rtdash.store.reservations import COLUMNS, reservation_of
from rtdash.store.schema import charges, reservations, room_nights, versions

Result = TypeVar("Result")

__all__ = [
    "Record",
    "RowKey",
    "Stored",
    "Version",
    "load_records",
    "load_sold",
    "load_stored",
    "save_rooms",
    "save_versions",
    "with_savepoint",
]


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
_INSERT_RESERVATIONS = Prepared(insert(reservations))
_UPDATE_RESERVATIONS = Prepared(
    update(reservations)
    .where(reservations.c.venue == bindparam("of_venue"), reservations.c.id == bindparam("of_id"))
    .values(
        {
            column.name: bindparam(column.name)
            for column in reservations.c
            if column.name not in FIXED
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


def load_records(conn: Connection, keys: Iterable[RowKey]) -> dict[RowKey, Record]:
    """Return those of the operations that were applied before."""
    rows = _READ_RECORDS.read(conn, {key.id for key in keys})
    return {RowKey(venue, operation_id): Record(*rest) for operation_id, venue, *rest in rows}


def load_stored(conn: Connection, keys: Iterable[RowKey]) -> dict[RowKey, Stored]:
    """Return those of the reservations that exist."""
    rows = _READ_STORED.read(conn, {key.id for key in keys})
    return {RowKey(row[1], row[0]): Stored(reservation_of(row), row[-1]) for row in rows}


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
    first: dict[RowKey, Version] = {}
    last: dict[RowKey, Version] = {}
    for version in applied:
        key = RowKey(version.after.venue_id, version.after.id)
        first.setdefault(key, version)
        last[key] = version
    new = [reservation_row(last[key]) for key, version in first.items() if version.before is None]
    if new:
        _INSERT_RESERVATIONS.execute(conn, new)
    changed = [changed_row(key, last[key]) for key, version in first.items() if version.before]
    if changed:
        _UPDATE_RESERVATIONS.execute(conn, changed)
    _save_history(conn, applied)
    charged = [charge_row(version, version.charge) for version in applied if version.charge]
    if charged:
        _INSERT_CHARGES.execute(conn, charged)


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
        _UPDATE_NIGHTS.execute(conn, known)
    if fresh:
        _INSERT_NIGHTS.execute(conn, fresh)


def _save_history(conn: Connection, applied: Sequence[Version]) -> None:
    """A version ends when the next one begins: in its own row where both are of this batch, by an
    update otherwise.
    """
    rows = {
        RowKey(version.after.venue_id, version.operation_id): version_row(version)
        for version in applied
    }
    ended = []
    for version in applied:
        if version.before is None:
            continue
        venue_id, changed_at = version.after.venue_id, to_ms(version.after.changed_at)
        row = rows.get(RowKey(venue_id, version.before.operation_id))
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
        _END_VERSIONS.execute(conn, ended)
    _INSERT_VERSIONS.execute(conn, list(rows.values()))
