"""Answers of GETs: compact JSON with a weak ETag, or 304 where the client has it already (RFC 9110
section 13).
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from rtdash.protocol.messages import encode

JSON = "application/json"
CACHE_CONTROL = "private, no-cache"
"""Each user's own, and to be asked about again before each use."""


def answer(
    request: Request, body: Mapping[str, Any] | bytes, *, media_type: str = JSON
) -> Response:
    """200 with the body and its ETag, or 304."""
    content = body if isinstance(body, bytes) else encode(body)
    etag = etag_of(content)
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def etag_of(content: bytes) -> str:
    """A weak ETag: equal for equal bodies."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the header names the ETag, by weak comparison, or is `*`."""
    if if_none_match is None:
        return False
    opaque = etag.removeprefix("W/")
    return if_none_match.strip() == "*" or any(
        one.strip().removeprefix("W/") == opaque for one in if_none_match.split(",")
    )
