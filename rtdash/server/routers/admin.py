"""What only administrators may: revoking tokens."""

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from rtdash.server import schemas
from rtdash.server.access import Caller, PartsDep, require_admin
from rtdash.server.describing import problems
from rtdash.server.problems import Problem

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.post(
    "/revocations",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "Revoked, and its sockets closed"}, **problems(400, 401, 403, 413, 422, 429, 503)},
)
async def post_revocation(parts: PartsDep, caller: Caller, revocation: Annotated[schemas.Revocation, Body()]) -> Response:
    """Revoke a token by its id, or all tokens of a user that were issued until now."""
    require_admin(caller)
    if (revocation.jti is None) == (revocation.sub is None):
        raise Problem("invalid", "name what to revoke: either jti or sub")
    await parts.revocations.revoke(jti=revocation.jti, sub=revocation.sub)
    return Response(status_code=204)
