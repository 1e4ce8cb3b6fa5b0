"""Guests of reservations that lie far back, anonymised as an erasure does it.

What is due, and where it is written, is looked for in reads, which hold up no writer. No index
helps to find it: each booking would pay for that, also where nothing is ever anonymised. Each
transaction then rewrites a bounded number of reservations, and only those that are still as read.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select, tuple_

from rtdash.domain.customers import ERASED, tidy_text
from rtdash.store import batch, dialects, hooks
from rtdash.store.anonymising import anonymise, ids_in, overwrite_what_goes, rewrite
from rtdash.store.batch import RowKey
from rtdash.store.event_log import StoredEvent
from rtdash.store.schema import events, meta, reservations, versions
from rtdash.store.venues import lock_venues, read_venues

PAGE_ROWS = 5_000
"""Reservations, versions or events that one read looks at."""

_LEASE = "guest_retention"
_READ_LEASE = select(meta.c.value).where(meta.c.key == _LEASE).with_for_update()
_DATE_KEY = (
    reservations.c.venue,
    reservations.c.business_date,
    reservations.c.start,
    reservations.c.id,
)
"""Columns of the index by which lists are read; what lies ahead is passed over within it."""
_OF_DUE = (
    reservations.c.check_out,
    reservations.c.customer_name,
    reservations.c.customer_key,
    reservations.c.version,
)
_READ_VERSIONS_OF_DATE = select(versions.c.operation_id, versions.c.reservation).where(
    versions.c.venue == bindparam("venue"), versions.c.business_date == bindparam("date")
)
_VERSION_KEY = (versions.c.operation_id, versions.c.venue)
_EVENT_KEY = (events.c.venue, events.c.channel, events.c.seq)


class DueReservation(NamedTuple):
    """A reservation that is due, at the version at which it was found."""

    key: RowKey
    version: int
    customer_key: str
    business_date: str


@dataclass(slots=True)
class Places:
    """Keys of the versions and events that are about each reservation."""

    versions: dict[RowKey, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    events: dict[RowKey, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))


def read_due(
    conn: Connection, before: date, after: tuple[Any, ...] | None
) -> tuple[list[DueReservation], tuple[Any, ...] | None]:
    """Look through the reservations that follow the key `after` for those that end before a
    business date and name a guest. Returns them, and where to go on; None at the end.
    """
    last = before.isoformat()
    began = reservations.c.business_date < last
    rows = _page(conn, (*_DATE_KEY, *_OF_DUE), _DATE_KEY, after, began)
    due = [
        DueReservation(RowKey(venue, one), version, customer_key, on)
        for venue, on, _, one, check_out, name, customer_key, version in rows
        if name != ERASED and (check_out or on) < last
    ]
    return due, tuple(rows[-1][:4]) if len(rows) == PAGE_ROWS else None


def read_versions_of_dates(
    conn: Connection, due: Sequence[DueReservation], places: Places
) -> Collection[RowKey]:
    """Look for the versions of `due` under the dates that they have now. Returns the reservations
    that have more versions elsewhere, as they had other dates.
    """
    wanted = {one.key for one in due}
    for venue, on in sorted({(one.key.venue_id, one.business_date) for one in due}):
        for operation_id, reservation in conn.execute(
            _READ_VERSIONS_OF_DATE, {"venue": venue, "date": on}
        ):
            key = RowKey(venue, reservation)
            if key in wanted:
                places.versions[key].append((operation_id, venue))
    return {one.key for one in due if len(places.versions.get(one.key, ())) < one.version}


def read_versions(
    conn: Connection, due: Collection[RowKey], places: Places, after: tuple[Any, ...] | None
) -> tuple[Any, ...] | None:
    """Look through the versions that follow the key `after` for those of `due`. Returns where to go
    on; None at the end.
    """
    rows = _page(conn, (*_VERSION_KEY, versions.c.reservation), _VERSION_KEY, after)
    for operation_id, venue, reservation in rows:
        key, place = RowKey(venue, reservation), (operation_id, venue)
        if key in due and place not in places.versions[key]:
            places.versions[key].append(place)
    return tuple(rows[-1][:2]) if len(rows) == PAGE_ROWS else None


def read_log(
    conn: Connection, due: Collection[RowKey], places: Places, after: tuple[Any, ...] | None
) -> tuple[Any, ...] | None:
    """Look through the events that follow the key `after` for those that name one of `due`. Returns
    where to go on; None at the end.
    """
    ids = {key.id for key in due}
    rows = _page(conn, (*_EVENT_KEY, events.c.body), _EVENT_KEY, after)
    for venue, channel, seq, body in rows:
        for one in ids_in(body, ids):
            places.events[RowKey(venue, one)].append((venue, channel, seq))
    return tuple(rows[-1][:3]) if len(rows) == PAGE_ROWS else None


def claim(conn: Connection, process: str, *, lasts: timedelta) -> bool:
    """Return whether `process` is the one that anonymises, by the store's clock; it is for so long
    again.
    """
    now_ms = dialects.server_now_ms(conn)
    conn.execute(dialects.insert_new(conn, meta), {"key": _LEASE, "value": "0 "})
    until, _, holder = str(conn.execute(_READ_LEASE).scalar_one()).partition(" ")
    if holder not in {"", process} and int(until) > now_ms:
        return False
    value = f"{now_ms + lasts // timedelta(milliseconds=1)} {process}"
    conn.execute(dialects.upsert(conn, meta, ["value"]), {"key": _LEASE, "value": value})
    return True


def anonymise_due(
    conn: Connection,
    due: Sequence[DueReservation],
    places: Places,
    *,
    now: datetime,
    alias: Callable[[str], str],
) -> list[StoredEvent]:
    """Anonymise those of `due` that are still at the version at which they were found. `alias`
    gives the key that stands for a guest from now on. Returns the events, to be announced.
    """
    overwrite_what_goes(conn)
    lock_venues(conn, {one.key.venue_id for one in due})
    found = batch.load_stored(conn, [one.key for one in due])
    same = [
        one for one in due if one.key in found and found[one.key].reservation.version == one.version
    ]
    names = {one.key: _names(found[one.key].reservation.customer_name) for one in same}
    _rewrite(conn, versions, _VERSION_KEY, _by_place(places.versions, names))
    _rewrite(conn, events, _EVENT_KEY, _by_place(places.events, names))
    hooks.prune(conn, now=now)
    venues = {venue.id: venue for venue in read_venues(conn)}
    return [
        anonymise(conn, found[one.key], venues[one.key.venue_id], alias(one.customer_key), now=now)
        for one in same
    ]


def _page(
    conn: Connection,
    columns: Any,
    key: tuple[Any, ...],
    after: tuple[Any, ...] | None,
    *among: ColumnElement[bool],
) -> Sequence[Any]:
    statement = select(*columns).where(*among).order_by(*key).limit(PAGE_ROWS)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return conn.execute(statement).all()


def _names(name: str) -> set[str]:
    return {name, tidy_text(name)}


def _by_place(
    places: Mapping[RowKey, Sequence[tuple[Any, ...]]], names: Mapping[RowKey, set[str]]
) -> dict[tuple[Any, ...], set[str]]:
    """Return the names that go, by the row in which they stand."""
    by_place: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for key, of_guest in names.items():
        for place in places.get(key, ()):
            by_place[place] |= of_guest
    return by_place


def _rewrite(
    conn: Connection,
    table: Any,
    columns: tuple[Any, ...],
    places: Mapping[tuple[Any, ...], set[str]],
) -> None:
    for place, names in places.items():
        where = _is_row(columns, place)
        body = conn.execute(select(table.c.body).where(where)).scalar()
        if body is not None:
            rewrite(conn, table, where, body, names)


def _is_row(columns: tuple[Any, ...], place: tuple[Any, ...]) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(columns, place, strict=True)))
