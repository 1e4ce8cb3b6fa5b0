"""Tokens of the independent server: the claims of a JWT, unsigned; any other token may do all."""

import base64
import json
from collections.abc import Mapping
from typing import Any

KINDS = {"hotel", "restaurant"}


def make_token(user: str, *scopes: str) -> str:
    """A token of that user with those scopes."""
    claims = json.dumps({"sub": user, "scope": list(scopes)})
    body = base64.urlsafe_b64encode(claims.encode()).decode()
    return f"e30.{body.rstrip('=')}.none"


FULL = make_token("manager", "hotel:read", "hotel:write", "restaurant:read", "restaurant:write")
HOTEL_READER = make_token("clerk", "hotel:read")


def rights_of(headers: Mapping[str, Any], right: str) -> set[str]:
    """The kinds of venue for which the token in `Authorization` has that right."""
    claims = _claims_of(headers)
    return (
        KINDS if claims is None else {one for one in KINDS if f"{one}:{right}" in claims["scope"]}
    )


def user_of(headers: Mapping[str, Any]) -> str | None:
    """The user of the token in `Authorization`; None of any token without claims."""
    claims = _claims_of(headers)
    return None if claims is None else claims["sub"]


def _claims_of(headers: Mapping[str, Any]) -> dict[str, Any] | None:
    _, _, token = headers.get("authorization", "").partition(" ")
    if token.count(".") != 2:
        return None
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
