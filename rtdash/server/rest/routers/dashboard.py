"""Endpoints that a dashboard polls, of hotels and restaurants alike: figures, today's reservations,
upcoming ones.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.venues import business_date
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.kept_pages import PageKey, read_day
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import (
    DEFAULT_LIMIT,
    CursorQuery,
    LimitQuery,
    page_body,
    read_page,
)
from rtdash.server.rest.responses import answer
from rtdash.server.rest.upcoming_lists import ListKey, selection_of

STATS_PATH = "/api/dashboard/stats"
TODAY_PATH = "/api/dashboard/reservations/today"
UPCOMING_PATH = "/api/reservations/upcoming"
DEFAULT_WITHIN_MINUTES = 1_440
MAX_WITHIN_MINUTES = 525_600

router = APIRouter(tags=["dashboard"])


@router.get(STATS_PATH, responses=reading(schemas.DashboardStats))
async def read_stats(
    request: Request, services: PartsDep, caller: Caller, venue_id: VenueQuery = None
) -> Response:
    """Basic dashboard statistics. Own writes show at once, others' within a second."""
    venue = choose_venue(services.venues, caller, venue_id)
    snapshot = await services.dashboard.snapshot(
        venue.id, at_least=services.read_your_writes.last_write(caller.sub, venue.id)
    )
    return answer(request, snapshot.body)


@router.get(TODAY_PATH, responses=reading(schemas.TodaysReservations))
async def read_today(
    request: Request,
    services: PartsDep,
    caller: Caller,
    venue_id: VenueQuery = None,
    limit: LimitQuery = DEFAULT_LIMIT,
    cursor: CursorQuery = None,
) -> Response:
    """Reservations that start on today's business date and are neither Cancelled nor NoShow, by
    start.
    """
    venue = choose_venue(services.venues, caller, venue_id)
    today = business_date(venue, services.clock())
    if cursor is None:
        page = await request.app.state.kept_pages.first_page(
            PageKey(venue.id, limit, on_date=today), venue
        )
        return answer(request, page.body, etag=page.etag)
    return answer(
        request,
        await services.database.read(
            lambda connection: read_day(connection, venue, today, limit=limit, cursor=cursor)
        ),
    )


@router.get(UPCOMING_PATH, responses=reading(schemas.UpcomingReservations))
async def read_upcoming(
    request: Request,
    services: PartsDep,
    caller: Caller,
    venue_id: VenueQuery = None,
    within_minutes: Annotated[
        int, Query(alias="withinMinutes", ge=1, le=MAX_WITHIN_MINUTES)
    ] = DEFAULT_WITHIN_MINUTES,
    limit: LimitQuery = DEFAULT_LIMIT,
    cursor: CursorQuery = None,
) -> Response:
    """Pending and Confirmed reservations from now on, soonest first."""
    venue = choose_venue(services.venues, caller, venue_id)
    key = ListKey(venue.id, within_minutes, limit)
    if cursor is None:
        kept = await request.app.state.upcoming_lists.first_page(
            venue, key, services.read_your_writes.last_write(caller.sub, venue.id)
        )
        return answer(request, kept.body)
    selection = selection_of(key, services.clock(), cursor)
    page = await services.database.read(lambda connection: read_page(connection, venue, selection))
    return answer(request, page_body(venue, page))
