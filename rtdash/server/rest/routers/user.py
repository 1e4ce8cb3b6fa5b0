"""The bearer of the token, as the token and the server see him."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.instants import format_instant
from rtdash.server.auth.tokens import own_venues
from rtdash.server.rest import venue_schemas
from rtdash.server.rest.access import Caller, PartsDep
from rtdash.server.rest.openapi_parts import reading
from rtdash.server.rest.responses import answer

router = APIRouter(tags=["user"])


@router.get("/api/user/profile", responses=reading(venue_schemas.Profile))
async def read_profile(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Who the token is for, its scopes and its venues in their order."""
    venues = [
        {
            "id": venue.id,
            "name": venue.name,
            "kind": venue.kind.value,
            "timezone": venue.timezone,
            "currency": venue.currency,
        }
        for venue in own_venues(services.venues, caller)
    ]
    body = {
        "id": caller.sub,
        "name": caller.name,
        "scopes": sorted(caller.scopes),
        "venues": venues,
        "expiresAt": format_instant(caller.expires_at),
    }
    return answer(request, body)
