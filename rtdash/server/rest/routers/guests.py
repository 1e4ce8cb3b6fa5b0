"""Endpoints for administrators: what is stored of a guest, exported or erased."""

import logging
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rtdash.protocol.messages import encode
from rtdash.server.logs import facts
from rtdash.server.rest.access import Caller, PartsDep, require_admin
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi import json_body, problems
from rtdash.server.rest.problems import invalid
from rtdash.server.rest.responses import JSON
from rtdash.server.services import Services
from rtdash.store.guests import Guest, erase_guest, export_guest

MAX_CHARS = 320

_FIELDS = ("email", "phone", "name")
_WHO = {
    "type": "object",
    "description": "Exactly one of them names the guest.",
    "properties": {
        name: {"type": "string", "minLength": 1, "maxLength": MAX_CHARS} for name in _FIELDS
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/admin/guests", tags=["admin"])


@router.post(
    "/export",
    response_class=Response,
    responses={
        200: {"description": "Reservations, versions and events"},
        **problems(400, 401, 403, 413, 422, 429, 503),
    },
    openapi_extra=json_body(_WHO),
)
async def post_export(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Return everything that is stored of a guest."""
    require_admin(caller)
    guest = await _read_guest(request, services, caller.sub)
    found = await services.database.read(lambda connection: export_guest(connection, guest))
    return Response(encode(found), media_type=JSON)


@router.post(
    "/erase",
    response_class=Response,
    responses={
        200: {"description": "The number of reservations that were the guest's"},
        **problems(400, 401, 403, 413, 422, 429, 503),
    },
    openapi_extra=json_body(_WHO),
)
async def post_erasure(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Erase a guest from reservations, versions and events."""
    require_admin(caller)
    guest = await _read_guest(request, services, caller.sub)
    now = services.clock()
    events, venue_ids = await services.database.write(
        lambda connection: erase_guest(connection, guest, now=now)
    )
    for venue_id in venue_ids:
        services.dashboard.mark_dirty(venue_id)
    services.relay.announce(events)
    _log.info("a guest was erased", extra=facts(reservations=len(events), by=caller.sub))
    return Response(encode({"reservations": len(events)}), media_type=JSON)


async def _read_guest(request: Request, services: Services, sub: str) -> Guest:
    async with read_body(request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=sub) as body:
        return _read(decode_json(body))


def _read(body: Any) -> Guest:
    """Return the guest that the body names. Raises Problem (422)."""
    if (
        not isinstance(body, dict)
        or len(body) != 1
        or (name := next(iter(body))) not in _FIELDS
        or not isinstance(value := body[name], str)
        or not value.strip()
        or len(value) > MAX_CHARS
        or "\x00" in value
    ):
        wanted = f'give one of "email", "phone" and "name", of at most {MAX_CHARS} characters'
        raise invalid([("body", wanted)])
    return Guest(**{name: value})
