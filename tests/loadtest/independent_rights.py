"""Tokens of the independent server: the claims of a JWT, unsigned; any other token may do all."""

import base64
import json
from collections.abc import Mapping
from typing import Any

KINDS = {"hotel", "restaurant"}


def make_token(*scopes: str) -> str:
    """A token with those scopes."""
    body = base64.urlsafe_b64encode(json.dumps({"scope": list(scopes)}).encode()).decode()
    return f"e30.{body.rstrip('=')}.none"


FULL = make_token("hotel:read", "hotel:write", "restaurant:read", "restaurant:write")
HOTEL_READER = make_token("hotel:read")


def rights_of(headers: Mapping[str, Any], right: str) -> set[str]:
    """The kinds of venue for which the token in `Authorization` has that right."""
    _, _, token = headers.get("authorization", "").partition(" ")
    if token.count(".") != 2:
        return KINDS
    body = token.split(".")[1]
    scopes = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["scope"]
    return {kind for kind in KINDS if f"{kind}:{right}" in scopes}
