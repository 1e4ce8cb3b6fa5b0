"""The OpenAPI document: FastAPI's, with our problems in place of its validation errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rtdash.server.rest.problems import PROBLEMS, TYPE_PREFIX
from rtdash.server.rest.schemas import Problem

_UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made at the first call."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document["components"]["schemas"]
        for name in _UNUSED:
            schemas.pop(name, None)
        schemas["Problem"] = _problem_schema()
        app.openapi_schema = document
    return app.openapi_schema


def _problem_schema() -> dict[str, Any]:
    """The schema of problems with all their types: the table of `problems`, for readers of the
    document.
    """
    schema = Problem.model_json_schema()
    lines = [
        f"- `{TYPE_PREFIX}{code}` ({status}): {title}" for code, (status, title) in PROBLEMS.items()
    ]
    schema["properties"]["type"] |= {
        "enum": [TYPE_PREFIX + code for code in PROBLEMS],
        "description": "\n".join(lines),
    }
    return schema
