"""Reservations of hotels and restaurants as they are read: lists, and one. The two kinds differ by
path and fields only.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.refusals import ReservationNotFound
from rtdash.domain.reservations import Status
from rtdash.domain.terms import RESERVATION_ID
from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.channels import Position, Stream, notifications_channel, reservations_channel
from rtdash.protocol.etags import version_etag
from rtdash.protocol.messages import positions_json
from rtdash.protocol.shown_reservations import reservation_json
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import (
    DEFAULT_LIMIT,
    CursorQuery,
    LimitQuery,
    Selection,
    page_body,
    read_page,
)
from rtdash.server.rest.responses import answer
from rtdash.store import event_log, reservations
from rtdash.store.database import Connection


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
        selection = Selection(
            statuses=None if status is None else [status], limit=limit, cursor=cursor
        )
        return answer(
            request,
            await services.database.read(lambda connection: _list(connection, venue, selection)),
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


def _list(connection: Connection, venue: Venue, selection: Selection) -> dict[str, Any]:
    """The heads are read before the page: where a read is no snapshot, the page may show more than
    the heads say, never less.
    """
    streams = [
        Stream(venue.id, reservations_channel(venue.kind)),
        Stream(venue.id, notifications_channel(venue.kind)),
    ]
    epoch, heads = event_log.read_epoch(connection), event_log.read_heads(connection, streams)
    page = read_page(connection, venue, selection)
    positions = positions_json(
        (stream.channel, Position(epoch, heads[stream])) for stream in streams
    )
    return {**page_body(venue, page), "positions": positions}
