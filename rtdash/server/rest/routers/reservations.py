"""Reservations of hotels and restaurants as they are read: lists, and one. The two kinds differ by
path and fields only.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.refusals import ReservationNotFound
from rtdash.domain.reservations import Status
from rtdash.domain.terms import RESERVATION_ID
from rtdash.domain.venues import VenueKind
from rtdash.protocol.etags import version_etag
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.kept_pages import PageKey, read_list
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import DEFAULT_LIMIT, CursorQuery, LimitQuery, Selection
from rtdash.server.rest.responses import answer
from rtdash.store import reservations
from rtdash.store.log_state import read_log_state


def _existing_form(reservation_id: str) -> str:
    if not RESERVATION_ID.fullmatch(reservation_id):
        raise ReservationNotFound(reservation_id)
    return reservation_id


IdPath = Annotated[
    str, Path(alias="id", description="The reservation's id."), AfterValidator(_existing_form)
]
StatusQuery = Annotated[Status | None, Query(description="Only those that stand so.")]

PATHS = {
    VenueKind.HOTEL: "/api/hotel/bookings",
    VenueKind.RESTAURANT: "/api/restaurant/reservations",
}
"""Where the reservations of each kind of venue are."""

router = APIRouter(tags=["reservations"])


def _add_list(kind: VenueKind, path: str) -> None:
    """Add the endpoint that lists the reservations of one kind of venue."""

    @router.get(path, responses=reading(schemas.Reservations), name=f"list {kind} reservations")
    async def list_reservations(
        request: Request,
        services: PartsDep,
        caller: Caller,
        status: StatusQuery = None,
        venue_id: VenueQuery = None,
        limit: LimitQuery = DEFAULT_LIMIT,
        cursor: CursorQuery = None,
    ) -> Response:
        """Reservations by start, with the positions from which following the channels leaves no
        gap.
        """
        venue = choose_venue(services.venues, caller, venue_id, kind=kind)
        if cursor is None:
            key = PageKey(venue.id, limit, status)
            page = await request.app.state.kept_pages.first_page(key, venue)
            return answer(request, page.body, etag=page.etag)
        statuses = None if status is None else [status]
        selection = Selection(statuses=statuses, limit=limit, cursor=cursor)
        return answer(
            request,
            await services.database.read(
                lambda connection: read_list(
                    connection, venue, selection, read_log_state(connection, venue.id)
                )
            ),
        )


def _add_read(kind: VenueKind, path: str) -> None:
    """Add the endpoint that reads one reservation of one kind of venue."""

    @router.get(
        f"{path}/{{id}}",
        responses=reading(schemas.OF_KIND[kind], 404),
        name=f"read {kind} reservation",
    )
    async def read_reservation(
        request: Request,
        services: PartsDep,
        caller: Caller,
        reservation_id: IdPath,
        venue_id: VenueQuery = None,
    ) -> Response:
        """One reservation as it is now."""
        venue = choose_venue(services.venues, caller, venue_id, kind=kind)
        found = await services.database.read(
            lambda connection: reservations.read_one(connection, venue.id, reservation_id)
        )
        if found is None:
            raise ReservationNotFound(reservation_id)
        etag = version_etag(found.version)
        return answer(request, reservation_json(found, venue), etag=etag)


for _kind, _path in PATHS.items():
    _add_list(_kind, _path)
    _add_read(_kind, _path)
