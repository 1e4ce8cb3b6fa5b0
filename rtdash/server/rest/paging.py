"""Parameters of lists and reports, and pages of reservations: how they are read, and how they
look.
"""

from datetime import date
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

from rtdash.domain.reservations import Reservation
from rtdash.domain.venues import Venue
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.server.rest.dates import parse_date
from rtdash.server.rest.problems import invalid
from rtdash.store import pages
from rtdash.store.database import Connection
from rtdash.store.pages import DEFAULT_LIMIT, Selection

MAX_LIMIT = 500

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "CursorQuery",
    "DateQuery",
    "LimitQuery",
    "Selection",
    "page_body",
    "read_page",
]

LimitQuery = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Reservations on a page.")]
DateQuery = Annotated[date, BeforeValidator(parse_date)]
CursorQuery = Annotated[str | None, Query(max_length=300, description="`next` of the page before.")]


def read_page(
    connection: Connection, venue: Venue, selection: Selection
) -> tuple[list[Reservation], str | None]:
    """The page and the cursor of the next one. Raises Problem (422) for a cursor that isn't one."""
    try:
        return pages.read_page(connection, venue.id, selection)
    except pages.BadCursor as reason:
        raise invalid([("cursor", str(reason))]) from None


def page_body(venue: Venue, page: tuple[list[Reservation], str | None]) -> dict[str, Any]:
    """`reservations` and `next`."""
    return {"reservations": [reservation_json(one, venue) for one in page[0]], "next": page[1]}
