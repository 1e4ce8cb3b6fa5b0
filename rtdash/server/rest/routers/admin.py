"""Revoking tokens: one's own, or any as an administrator."""

import logging
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rtdash.server.logs import facts
from rtdash.server.rest.access import Caller, PartsDep, require_admin
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi import json_body, problems
from rtdash.server.rest.problems import invalid

MAX_CHARS = 200

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/admin", tags=["admin"])


def _schema(name: str) -> dict[str, Any]:
    value = {"type": "string", "minLength": 1, "maxLength": MAX_CHARS}
    return {
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }


@router.post(
    "/revocations",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "Revoked, and its sockets closed"},
        **problems(400, 401, 403, 413, 422, 429, 503),
    },
    openapi_extra=json_body({"oneOf": [_schema("jti"), _schema("sub")]}),
)
async def post_revocation(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Revoke a token by its id, or all tokens of a user that were issued until now."""
    async with read_body(
        request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=caller.sub
    ) as body:
        name, value = _read(decode_json(body))
    if (name, value) != ("jti", caller.jti):  # signing out: one's own token, without `admin`
        require_admin(caller)
    await services.revocations.revoke(
        jti=value if name == "jti" else None, sub=value if name == "sub" else None
    )
    _log.info("revoked", extra=facts(**{name: value}, by=caller.sub))
    return Response(status_code=204)


def _read(body: Any) -> tuple[str, str]:
    """Return what is revoked, `jti` or `sub`, and its value. Raises Problem (422)."""
    if (
        not isinstance(body, dict)
        or len(body) != 1
        or (name := next(iter(body))) not in {"jti", "sub"}
    ):
        raise invalid([("jti", "give it, or sub, and nothing else: what is to be revoked")])
    value = body[name]
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_CHARS or "\x00" in value:
        raise invalid([(name, f"must be a string of 1 to {MAX_CHARS} characters")])
    return name, value
