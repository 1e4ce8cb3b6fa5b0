"""Reservations of hotels and restaurants: lists, one, booking, changes. The two kinds differ by
path and fields only.
"""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Header, Path, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.refusals import ReservationNotFound
from rtdash.domain.reservations import Op, Status
from rtdash.domain.terms import RESERVATION_ID
from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.channels import Position, Stream, notifications_channel, reservations_channel
from rtdash.protocol.messages import encode, positions_json, reservation_json
from rtdash.server.auth.tokens import Principal
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue, first_venue
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi_parts import json_body, reading, writing
from rtdash.server.rest.operations import (
    booking_schema,
    change_schema,
    expect_object,
    read_op,
    read_venue_id,
)
from rtdash.server.rest.paging import (
    DEFAULT_LIMIT,
    CursorQuery,
    LimitQuery,
    Selection,
    page_body,
    read_page,
)
from rtdash.server.rest.problems import Problem, invalid
from rtdash.server.rest.responses import JSON, answer
from rtdash.server.rest.writing import apply_one, permitted_operation
from rtdash.server.services import Services
from rtdash.store import event_log, reservations
from rtdash.store.database import Connection

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The operation's id: a repeat with it is answered alike and changes nothing.",
    ),
]


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


async def answer_booking(
    kind: VenueKind,
    request: Request,
    services: Services,
    caller: Principal,
    *,
    venue_id: str | None = None,
    key: str | None = None,
) -> Response:
    """201 with what was booked, now or, for a repeat, the first time. Raises Problem, Refusal,
    StoreUnavailable.
    """
    body = await _read_object(request)
    _refuse_fields(body, "op", "kind")
    venue = _choose_writable(services, caller, body, venue_id, kind)
    operation = permitted_operation(
        _with_key(body, key), Op.BOOK, venue, caller, operation_id=uuid4().hex
    )
    shown = await apply_one(services, caller, operation)
    is_default = venue.id == first_venue(services.venues, caller, kind).id
    location = f"{PATHS[kind]}/{shown['id']}" + ("" if is_default else f"?venue={venue.id}")
    return Response(encode(shown), status_code=201, media_type=JSON, headers={"Location": location})


def _add_reads(kind: VenueKind, path: str) -> None:
    """What can be read of the reservations of one kind of venue."""

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

    @router.get(
        f"{path}/{{id}}",
        responses=reading(schemas.Reservation, 404),
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
        return answer(request, reservation_json(found, venue))


def _add_writes(kind: VenueKind, path: str) -> None:
    """How they are made and changed."""

    @router.post(
        path,
        status_code=201,
        responses=writing(201, schemas.Reservation, 409),
        openapi_extra=json_body(booking_schema(kind)),
        name=f"book {kind}",
    )
    async def book(
        request: Request,
        services: PartsDep,
        caller: Caller,
        venue_id: VenueQuery = None,
        key: KeyHeader = None,
    ) -> Response:
        """Book. With an Idempotency-Key it can be repeated safely."""
        return await answer_booking(kind, request, services, caller, venue_id=venue_id, key=key)

    @router.patch(
        f"{path}/{{id}}",
        responses=writing(200, schemas.Reservation, 404, 409),
        openapi_extra=json_body(change_schema(kind)),
        name=f"change {kind} reservation",
    )
    async def change(
        request: Request,
        services: PartsDep,
        caller: Caller,
        reservation_id: IdPath,
        venue_id: VenueQuery = None,
        key: KeyHeader = None,
    ) -> Response:
        """Apply an operation to the reservation: a step of its lifecycle, `amend`, `pay` or
        `charge`.
        """
        body = await _read_object(request)
        _refuse_fields(body, "kind")
        venue = _choose_writable(services, caller, body, venue_id, kind)
        op = read_op(body, kind)
        if op is Op.BOOK:
            raise invalid([("op", f"must be an operation on a reservation; to book: POST {path}")])
        if body.setdefault("reservationId", reservation_id) != reservation_id:
            raise invalid([("reservationId", "must be the one in the path, or left out")])
        operation = permitted_operation(
            _with_key(body, key), op, venue, caller, operation_id=uuid4().hex
        )
        return Response(encode(await apply_one(services, caller, operation)), media_type=JSON)


for _kind, _path in PATHS.items():
    _add_reads(_kind, _path)
    _add_writes(_kind, _path)


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


async def _read_object(request: Request) -> dict[str, Any]:
    return dict(expect_object(decode_json(await read_body(request, SINGLE_LIMIT_BYTES))))


def _choose_writable(
    services: Services,
    caller: Principal,
    body: dict[str, Any],
    venue_id: str | None,
    kind: VenueKind,
) -> Venue:
    named = read_venue_id(body)
    if named is not None and venue_id is not None and named != venue_id:
        raise invalid([("venue", "must be the same in body and query, or only in one of them")])
    return choose_venue(services.venues, caller, named or venue_id, kind=kind, right="write")


def _refuse_fields(body: dict[str, Any], *names: str) -> None:
    if wrong := [
        (name, "is not a field of this body, since the path says it: leave it out")
        for name in names
        if name in body
    ]:
        raise invalid(wrong)


def _with_key(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """The body with the Idempotency-Key as its operation's id. Raises Problem where both are given
    and differ.
    """
    if key is None:
        return body
    if body.setdefault("operationId", key) != key:
        raise Problem(
            "invalid", "operationId and Idempotency-Key must be the same, or only one be given"
        )
    return body
