"""The OpenAPI document: how answers and bodies that are built by hand are described, and what
FastAPI's document lacks for the tools that read it.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from rtdash.server.rest.examples import example_of
from rtdash.server.rest.problems import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX
from rtdash.server.rest.schemas import Problem

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
    """Return the problems that an endpoint can answer with."""
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
    """Return a POST or PATCH with a token and a body."""
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


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the document, made at the first call."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document["components"]["schemas"]
        for name in _UNUSED:
            schemas.pop(name, None)
        schemas["Problem"] = _problem_schema()
        document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
        document["servers"] = [{"url": "/", "description": "The server that gave this document."}]
        document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
        for path in document["paths"].values():
            for operation in path.values():
                _complete(operation, schemas)
        app.openapi_schema = document
    return app.openapi_schema


_UNUSED = ("HTTPValidationError", "ValidationError")
_TAGS = {
    "dashboard": "What a dashboard shows of the present.",
    "reports": "Sums over business dates.",
    "reservations": "Reservations of hotels and restaurants, one at a time.",
    "operations": "Many operations in one request.",
    "venues": "What a hotel or a restaurant has to offer, and its day at the front desk.",
    "channels": "The channels of the socket for clients that can't open one.",
    "hooks": "Webhooks of other systems.",
    "user": "The user of the token, and signing in.",
    "admin": "For tokens with the scope admin.",
    "about": "The server itself; no token is needed.",
}
_IDS = {
    "Post Login": "signIn",
    "Post Renewal": "renewSignIn",
    "Post Operations": "applyOperations",
    "Post Revocation": "revoke",
    "Post Hook": "receiveHook",
    "Post Webhook": "addWebhook",
    "Delete Webhook": "removeWebhook",
    "Post Skip": "skipEvents",
}


def _complete(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Give an operation a short id, a summary, its security said, and examples."""
    operation["operationId"] = _short_id(operation["summary"])
    summary, _, rest = operation.get("description", "").partition(". ")
    operation["summary"] = " ".join(summary.split()).removesuffix(".")
    operation["description"] = " ".join(rest.split()) or operation["summary"] + "."
    operation.setdefault("security", [])
    contents = [
        *operation.get("requestBody", {}).get("content", {}).items(),
        *(
            content
            for answer in operation["responses"].values()
            for content in answer.get("content", {}).items()
        ),
    ]
    for media_type, content in contents:
        if media_type == "application/json" and "schema" in content:
            content["example"] = example_of(content["schema"], schemas)


def _short_id(name: str) -> str:
    """`getStats` of FastAPI's "Read Stats"."""
    if name in _IDS:
        return _IDS[name]
    first, *others = re.findall(r"[A-Za-z]+", name.lower().replace("read", "get", 1))
    return str(first + "".join(word.capitalize() for word in others))


def _problem_schema() -> dict[str, Any]:
    """Return the schema of problems with all their types, from the table of `problems`."""
    schema = Problem.model_json_schema()
    lines = [
        f"- `{TYPE_PREFIX}{code}` ({status}): {title}" for code, (status, title) in PROBLEMS.items()
    ]
    schema["properties"]["type"] |= {
        "enum": [TYPE_PREFIX + code for code in PROBLEMS],
        "description": "\n".join(lines),
    }
    return schema
