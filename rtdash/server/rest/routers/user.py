"""The user of the token: name, scopes, venues."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.instants import format_instant
from rtdash.domain.venues import Venue, VenueKind
from rtdash.server.auth.tokens import own_venues
from rtdash.server.rest import venue_schemas
from rtdash.server.rest.access import Caller, PartsDep
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.responses import answer

router = APIRouter(tags=["user"])


@router.get("/api/user/profile", responses=reading(venue_schemas.Profile))
async def read_profile(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Read the user of the token, its scopes and its venues in their order."""
    venues = [_summary(venue) for venue in own_venues(services.venues, caller)]
    body = {
        "id": caller.sub,
        "name": caller.name,
        "scopes": sorted(caller.scopes),
        "venues": venues,
        "expiresAt": format_instant(caller.expires_at),
    }
    return answer(request, body)


def _summary(venue: Venue) -> dict[str, Any]:
    """Return what a client needs to show the venue's times and money; check-in is a hotel's alone."""
    summary = {
        "id": venue.id,
        "name": venue.name,
        "kind": venue.kind.value,
        "timezone": venue.timezone,
        "currency": venue.currency,
        "closeoutHour": venue.closeout_hour,
    }
    if venue.kind is VenueKind.HOTEL:
        summary["checkInTime"] = venue.check_in_time.isoformat("minutes")
    return summary
