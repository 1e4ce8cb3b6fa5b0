"""How OpenAPI describes answers and bodies that are built by hand: the same words everywhere."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from rtdash.server.rest.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_REASONS = {
    400: "The body can't be read",
    401: "No valid token",
    403: "The token does not allow it",
    404: "There is no such thing",
    409: "A rule of the domain is against it",
    412: "The reservation has changed since the version that If-Match names",
    413: "The body is too large, or holds too many operations",
    422: "Well-formed but wrong: `errors` names the fields",
    429: "Too many requests of this user: wait `Retry-After` seconds",
    503: (
        "Not stored, or the outcome is unknown: repeat with the same operation id after"
        " `Retry-After` seconds"
    ),
}
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TOKEN = (401, 403, 429, 503)
_ETAG = {
    "ETag": {
        "description": "Weak; send it as If-None-Match to get a 304 while nothing has changed.",
        "schema": {"type": "string"},
    }
}


def problems(*statuses: int) -> Responses:
    """The problems that an endpoint can answer with."""
    return {status: {"description": _REASONS[status], "content": _PROBLEM} for status in statuses}


def reading(model: type[BaseModel], *more: int) -> Responses:
    """A GET with a token: the body, 304, and the problems of every such request; `more` are further
    statuses.
    """
    return {
        200: {"model": model, "headers": _ETAG},
        304: {"description": "The client has it already"},
        **problems(*_TOKEN, 422, *more),
    }


def writing(status: int, model: type[BaseModel], *more: int) -> Responses:
    """A POST or PATCH with a token and a body."""
    return {status: {"model": model}, **problems(*_TOKEN, 400, 413, 422, *more)}


def json_body(schema: Mapping[str, Any], **further: Any) -> dict[str, Any]:
    """A request body of that schema, for `openapi_extra`; `further` are content types beside JSON,
    by name.
    """
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": dict(schema)}, **further},
        }
    }
