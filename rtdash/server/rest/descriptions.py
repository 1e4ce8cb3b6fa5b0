"""The descriptions of both interfaces as bytes: what is constant is made once a process."""

import json
from functools import lru_cache

from fastapi import FastAPI

from rtdash.protocol.messages import encode
from rtdash.resources import data_path
from rtdash.server.rest.openapi import describe
from rtdash.server.rest.reference import reference_page


@lru_cache(maxsize=4)
def openapi_bytes(app: FastAPI, root_path: str) -> bytes:
    """Return the OpenAPI document; `root_path` is the prefix that a proxy puts before the paths."""
    document = describe(app)
    server = document["servers"][0] | {"url": root_path or "/"}
    return encode(document | {"servers": [server]})


@lru_cache(maxsize=1)
def asyncapi_bytes() -> bytes:
    """Return the AsyncAPI document, with the golden messages as its examples."""
    # few ask for it, and a server should start soon
    from rtdash.protocol.asyncapi import asyncapi_document  # noqa: PLC0415

    golden = data_path("fixtures", "messages").glob("*.json")
    examples = {path.stem: json.loads(path.read_bytes()) for path in golden}
    return encode(asyncapi_document(examples))


@lru_cache(maxsize=1)
def docs_bytes(app: FastAPI) -> bytes:
    """Return the page for people."""
    return reference_page(describe(app))
