"""Reservations as they are made and changed, one at a time. The two kinds differ by path and fields
only.
"""

from collections.abc import Mapping
from dataclasses import replace
from os import urandom
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.reservations import Op
from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.etags import listed_versions, version_etag
from rtdash.protocol.messages import Message, encode
from rtdash.server.auth.tokens import Principal
from rtdash.server.rest import schemas
from rtdash.server.rest.access import (
    Caller,
    PartsDep,
    VenueQuery,
    choose_venue,
    first_venue,
    require_writer,
)
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi import json_body, writing
from rtdash.server.rest.operation_parser import (
    booking_schema,
    change_schema,
    expect_object,
    parse_op,
    parse_venue_id,
)
from rtdash.server.rest.problems import Problem, invalid
from rtdash.server.rest.responses import JSON
from rtdash.server.rest.routers.reservations import PATHS, IdPath
from rtdash.server.rest.writing import apply_one, permitted_operation
from rtdash.server.services import Services

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The operation's id: a repeat with it is answered alike and changes nothing.",
    ),
]
IfMatchHeader = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag of the version that the change is for; 412 where it has changed.",
    ),
]

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
    body = await _read_object(request, services, caller, kind)
    _refuse_fields(body, "op", "kind")
    venue = _choose_writable(services, caller, body, venue_id, kind)
    operation = permitted_operation(
        _with_key(body, key), Op.BOOK, venue, caller, operation_id=urandom(16).hex()
    )
    shown = await apply_one(services, caller, operation)
    location = f"{request.scope.get('root_path', '')}{PATHS[kind]}/{shown['id']}"
    is_named = venue_id is not None or body.get("venue") is not None
    if is_named and venue.id != first_venue(services.venues, caller, kind).id:
        location = f"{location}?venue={venue.id}"
    return _changed(shown, status=201, headers={"Location": location})


def _add_book(kind: VenueKind, path: str) -> None:
    """Add the endpoint that books at one kind of venue."""

    @router.post(
        path,
        status_code=201,
        responses=writing(201, schemas.OF_KIND[kind], 409),
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


def _add_change(kind: VenueKind, path: str) -> None:
    """Add the endpoint that changes a reservation at one kind of venue."""

    @router.patch(
        f"{path}/{{id}}",
        responses=writing(200, schemas.OF_KIND[kind], 404, 409, 412),
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
        if_match: IfMatchHeader = None,
    ) -> Response:
        """Apply an operation to the reservation: a step of its lifecycle, `amend`, `pay`, `charge`
        or `refund`.
        """
        body = await _read_object(request, services, caller, kind)
        _refuse_fields(body, "kind")
        venue = _choose_writable(services, caller, body, venue_id, kind)
        op = _read_change(body, kind, reservation_id)
        operation = permitted_operation(
            _with_key(body, key), op, venue, caller, operation_id=urandom(16).hex()
        )
        if if_match is not None:  # a list may come on several lines (RFC 9110 section 5.3)
            if_match = ", ".join(request.headers.getlist("If-Match"))
        operation = replace(operation, if_versions=listed_versions(if_match))
        return _changed(await apply_one(services, caller, operation))


for _kind, _path in PATHS.items():
    _add_book(_kind, _path)
    _add_change(_kind, _path)


def _read_change(body: dict[str, Any], kind: VenueKind, reservation_id: str) -> Op:
    """The operation of a body about the reservation in the path. Raises Problem."""
    op = parse_op(body, kind)
    if op is Op.BOOK:
        to_book = f"must be an operation on a reservation; to book: POST {PATHS[kind]}"
        raise invalid([("op", to_book)])
    if body.setdefault("reservationId", reservation_id) != reservation_id:
        raise invalid([("reservationId", "must be the one in the path, or left out")])
    return op


def _changed(
    shown: Message, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        encode(shown),
        status_code=status,
        media_type=JSON,
        headers={"ETag": version_etag(shown["version"]), **(headers or {})},
    )


async def _read_object(
    request: Request, services: Services, caller: Principal, kind: VenueKind
) -> dict[str, Any]:
    """Read the body of a caller with a right to write: rights come before bytes."""
    require_writer(services.venues, caller, kind)
    async with read_body(
        request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=caller.sub
    ) as body:
        return dict(expect_object(decode_json(body)))


def _choose_writable(
    services: Services,
    caller: Principal,
    body: dict[str, Any],
    venue_id: str | None,
    kind: VenueKind,
) -> Venue:
    named = parse_venue_id(body)
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
