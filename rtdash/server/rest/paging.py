"""Parameters of lists and reports, and pages of reservations: how they are read, and how they
look.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

from rtdash.domain.reservations import Reservation, Status
from rtdash.domain.venues import Venue
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.server.rest.dates import parse_date
from rtdash.server.rest.problems import invalid
from rtdash.store import reservations
from rtdash.store.database import Connection

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

LimitQuery = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Reservations on a page.")]
DateQuery = Annotated[date, BeforeValidator(parse_date)]
CursorQuery = Annotated[str | None, Query(max_length=300, description="`next` of the page before.")]


@dataclass(frozen=True, slots=True)
class Selection:
    """Selection of the reservations of a venue that a list shows, and from where."""

    statuses: Collection[Status] | None = None
    business_date: date | None = None
    start_from: datetime | None = None
    start_until: datetime | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def read_page(
    connection: Connection, venue: Venue, selection: Selection
) -> tuple[list[Reservation], str | None]:
    """The page and the cursor of the next one. Raises Problem (422) for a cursor that isn't one."""
    try:
        return reservations.read_page(
            connection,
            venue.id,
            statuses=selection.statuses,
            business_date=selection.business_date,
            start_from=selection.start_from,
            start_until=selection.start_until,
            limit=selection.limit,
            cursor=selection.cursor,
        )
    except reservations.BadCursor as reason:
        raise invalid([("cursor", str(reason))]) from None


def page_body(venue: Venue, page: tuple[list[Reservation], str | None]) -> dict[str, Any]:
    """`reservations` and `next`."""
    return {"reservations": [reservation_json(one, venue) for one in page[0]], "next": page[1]}
