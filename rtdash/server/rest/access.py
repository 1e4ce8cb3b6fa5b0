"""Rights by REST: the bearer of the request, within the rate, and the venue that the request is
about.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Query
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from rtdash.domain.venues import Venue, VenueKind
from rtdash.server.auth.absent_venues import absence
from rtdash.server.auth.bearer import find_bearer
from rtdash.server.auth.tokens import ADMIN, Principal, own_venues
from rtdash.server.rest.problems import Problem, invalid, rate_limited, unauthenticated
from rtdash.server.services import Services


class BearerScheme(SecurityBase):
    """Dependency for the request's token, None without one; FastAPI describes it in the OpenAPI
    document.
    """

    scheme_name = "HTTPBearer"
    model = HTTPBearer(bearerFormat="JWT", description="`rtdash token` prints one.")

    async def __call__(self, request: Request) -> str | None:
        """Parse the token out of the request's head."""
        return find_bearer(request.scope["headers"])


async def parts_of(request: Request) -> Services:
    """Return the parts of the running server."""
    services: Services = request.app.state.services
    return services


PartsDep = Annotated[Services, Depends(parts_of)]


async def bearer(
    services: PartsDep,
    token: Annotated[str | None, Depends(BearerScheme())],
) -> Principal:
    """Return the principal of the request's token; one request is taken from its rate. Raises
    TokenRefused, Problem (401, 429).
    """
    if token is None:
        raise unauthenticated(
            "send a token, as in: Authorization: Bearer <token>; `rtdash token` prints one"
        )
    principal = await services.verifier.authenticate(token)
    if wait_s := services.limits.take(principal.sub):
        raise rate_limited(wait_s)
    return principal


Caller = Annotated[Principal, Depends(bearer)]
VenueQuery = Annotated[
    str | None,
    Query(
        alias="venue", description="One of the token's venues; default: its first (of that kind)."
    ),
]


def choose_venue(
    venues: Mapping[str, Venue],
    caller: Principal,
    venue_id: str | None,
    *,
    kind: VenueKind | None = None,
    right: str = "read",
) -> Venue:
    """The venue that was named, or the token's first (of that kind), if the token has `right` (read
    or write) there.

    Raises Problem: 403 for a venue that is not the token's, unknown ones included; 422 for one of
    the other kind.
    """
    venue = (
        first_venue(venues, caller, kind)
        if venue_id is None
        else _named_venue(venues, caller, venue_id, kind)
    )
    scope = f"{venue.kind}:{right}"
    if not caller.allows(scope):
        raise Problem(
            "forbidden",
            f"the token has no scope {scope} for {venue.id}: get one that has, or name another"
            " venue with ?venue=",
        )
    return venue


def first_venue(
    venues: Mapping[str, Venue], caller: Principal, kind: VenueKind | None = None
) -> Venue:
    """Return the first of the token's venues (of that kind). Raises Problem (403)."""
    for venue in own_venues(venues, caller):
        if kind in {None, venue.kind}:
            return venue
    raise Problem(
        "forbidden",
        absence(venues, caller)
        or f"the token is for no {kind or 'venue'} of this server: get one that is",
    )


def require_writer(
    venues: Mapping[str, Venue], caller: Principal, kind: VenueKind | None = None
) -> None:
    """Refuse a caller that may write to no venue (of that kind), before anything of its body is
    read. Raises Problem (403).
    """
    for venue in own_venues(venues, caller):
        if kind in {None, venue.kind} and caller.allows(f"{venue.kind}:write"):
            return
    raise Problem(
        "forbidden",
        absence(venues, caller)
        or f"the token may write to no {kind or 'venue'} of this server: get one that may",
    )


def require_admin(caller: Principal) -> None:
    """Raises Problem (403) without the scope `admin`."""
    if not caller.allows(ADMIN):
        raise Problem("forbidden", "this needs a token with the scope admin")


def _named_venue(
    venues: Mapping[str, Venue], caller: Principal, venue_id: str, kind: VenueKind | None
) -> Venue:
    venue = venues.get(venue_id)
    if venue is None or not caller.may_see(venue_id):
        raise Problem(
            "forbidden",
            absence(venues, caller, venue_id)
            or "the token is not for that venue: GET /api/user/profile lists its venues",
        )
    if kind is not None and venue.kind is not kind:
        raise invalid([("venue", f"must be a {kind}, and {venue_id} is a {venue.kind}")])
    return venue
