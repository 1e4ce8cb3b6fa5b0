"""Pages of a venue's reservations in the order of (start, id), and how many there are. There is one
statement for each form of question, built once.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Text, bindparam, func, select, tuple_

from rtdash.domain.instants import to_ms
from rtdash.domain.reservations import Reservation, Status
from rtdash.domain.terms import RESERVATION_ID
from rtdash.store.prepared import Prepared
from rtdash.store.reservations import COLUMNS, earliest_date, latest_date, reservation_of
from rtdash.store.schema import reservations

DEFAULT_LIMIT = 50

_columns = reservations.c
# The order of (start, id), along the index: a business date never goes back while the start goes
# on.
_PLACE = (_columns.business_date, _columns.start, _columns.id)
_AFTER = (
    bindparam("after_date", type_=Text),
    bindparam("after_start", type_=BigInteger),
    bindparam("after_id", type_=Text),
)


class BadCursor(ValueError):  # noqa: N818
    """A cursor that this store did not give."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Selection of the reservations of a venue that a page shows, and from where.
    start_from ≤ start ≤ start_until.
    """

    statuses: Collection[Status] | None = None
    business_date: date | None = None
    start_from: datetime | None = None
    start_until: datetime | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class _Form(NamedTuple):
    """Form of a question: all that its statement depends on."""

    statuses: int | None
    has_date: bool
    has_from: bool
    has_until: bool
    has_cursor: bool


def read_page(
    conn: Connection, venue_id: str, selection: Selection
) -> tuple[list[Reservation], str | None]:
    """Return the page, and the cursor of the next one (None: there is none). Raises BadCursor."""
    rows, following = read_rows(conn, venue_id, selection)
    return [reservation_of(row) for row in rows], following


def read_rows(
    conn: Connection, venue_id: str, selection: Selection
) -> tuple[list[tuple[Any, ...]], str | None]:
    """Return what `read_page` does as rows of `reservations.COLUMNS`."""
    values = _values(venue_id, selection) | {"limit": selection.limit + 1}
    rows = _page_statement(_form(selection)).read(conn, values)
    page = rows[: selection.limit]
    return page, _encode_cursor(page[-1]) if len(rows) > selection.limit else None


def count(conn: Connection, venue_id: str, selection: Selection) -> int:
    """How many reservations `read_page` would list over all its pages; limit and cursor have no
    say.
    """
    whole = replace(selection, cursor=None)
    ((number,),) = _count_statement(_form(whole)).read(conn, _values(venue_id, whole))
    return int(number)


@lru_cache(maxsize=128)
def _page_statement(form: _Form) -> Prepared:
    statement = select(*COLUMNS).where(*_filters(form)).order_by(*_PLACE)
    if form.has_cursor:
        statement = statement.where(tuple_(*_PLACE) > tuple_(*_AFTER))
    return Prepared(statement.limit(bindparam("limit")))


@lru_cache(maxsize=128)
def _count_statement(form: _Form) -> Prepared:
    return Prepared(select(func.count()).select_from(reservations).where(*_filters(form)))


def _filters(form: _Form) -> Sequence[Any]:
    filters: list[Any] = [_columns.venue == bindparam("venue")]
    if form.statuses is not None:
        among: list[Any] = [bindparam(f"status_{place}") for place in range(form.statuses)]
        filters.append(_columns.status.in_(among))
    if form.has_date:
        filters.append(_columns.business_date == bindparam("on_date"))
    if form.has_from:
        filters.append(_columns.start >= bindparam("from_start"))
        filters.append(_columns.business_date >= bindparam("from_date"))
    if form.has_until:
        filters.append(_columns.start <= bindparam("until_start"))
        filters.append(_columns.business_date <= bindparam("until_date"))
    return filters


def _form(selection: Selection) -> _Form:
    return _Form(
        None if selection.statuses is None else len(selection.statuses),
        selection.business_date is not None,
        selection.start_from is not None,
        selection.start_until is not None,
        selection.cursor is not None,
    )


def _values(venue_id: str, selection: Selection) -> dict[str, Any]:
    """Return the values of a statement of the selection's form."""
    values: dict[str, Any] = {"venue": venue_id}
    if selection.statuses is not None:
        among = sorted(status.value for status in selection.statuses)
        values |= {f"status_{place}": status for place, status in enumerate(among)}
    if selection.business_date is not None:
        values["on_date"] = selection.business_date.isoformat()
    if selection.start_from is not None:
        values["from_start"] = to_ms(selection.start_from)
        values["from_date"] = earliest_date(selection.start_from)
    if selection.start_until is not None:
        values["until_start"] = to_ms(selection.start_until)
        values["until_date"] = latest_date(selection.start_until)
    if selection.cursor is not None:
        place = _decode_cursor(selection.cursor)
        values |= zip(("after_date", "after_start", "after_id"), place, strict=True)
    return values


def _encode_cursor(last: Sequence[Any]) -> str:
    """Return the cursor behind a row of `reservations.COLUMNS`."""
    place = [last[13], last[12], last[0]]
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[str, int, str]:
    try:
        day, start, last_id = json.loads(
            urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        )
        # what reaches SQL is what this store wrote: a date, milliseconds and an id, nothing else
        is_ours = (
            type(start) is int
            and abs(start) < 2**62
            and date.fromisoformat(day).isoformat() == day
            and RESERVATION_ID.fullmatch(last_id) is not None
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor("the cursor is not one of ours: take `next` of the page before") from error
    if not is_ours:
        raise BadCursor("the cursor is not one of ours: take `next` of the page before")
    return day, start, last_id
