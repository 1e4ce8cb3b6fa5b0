"""Signing in with a browser: a one-time code for a token, and the renewal of such a token."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.instants import format_instant
from rtdash.protocol.messages import encode
from rtdash.server.auth.tokens import TokenRefused
from rtdash.server.rest.access import Caller, PartsDep
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi import json_body, problems
from rtdash.server.rest.problems import invalid
from rtdash.server.rest.responses import JSON

router = APIRouter(prefix="/api/login", tags=["user"])

_CODE_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "`rtdash open --print` shows one."}},
    "required": ["code"],
    "additionalProperties": False,
}


class SignedIn(BaseModel):
    """A token of a sign-in."""

    token: str
    expiresAt: str  # noqa: N815


@router.post(
    "",
    status_code=200,
    responses={
        200: {"model": SignedIn, "description": "Signed in"},
        **problems(400, 401, 413, 422, 503),
    },
    openapi_extra=json_body(_CODE_SCHEMA),
)
async def post_login(request: Request, services: PartsDep) -> Response:
    """Exchange a one-time code for a token. A code is good for a minute, and once."""
    owner = request.client.host if request.client else ""
    async with read_body(
        request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=owner
    ) as content:
        body = decode_json(content)
    code = body.get("code") if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(code, str):
        raise invalid([("code", "give the code of `rtdash open`, and nothing else")])
    try:
        return _answer(*await services.sign_in.redeem(code))
    except TokenRefused:
        services.metrics.sign_in_failures.labels("code").inc()
        raise


@router.post(
    "/renew",
    status_code=200,
    responses={
        200: {"model": SignedIn, "description": "The next token"},
        **problems(401, 403, 429, 503),
    },
)
async def post_renewal(services: PartsDep, caller: Caller) -> Response:
    """Give the next token of a sign-in, until RTDASH_LOGIN_TTL_S after it."""
    return _answer(*services.sign_in.renew(caller))


def _answer(token: str, expires_at: datetime) -> Response:
    # no cache on the way may keep a token
    body = {"token": token, "expiresAt": format_instant(expires_at)}
    return Response(encode(body), media_type=JSON, headers={"Cache-Control": "no-store"})
