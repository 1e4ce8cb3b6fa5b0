"""Answers of GETs: compact JSON with a weak ETag, or 304 where the client has it already (RFC 9110
section 13).
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from rtdash.protocol.etags import is_listed, weak_etag
from rtdash.protocol.messages import encode

JSON = "application/json"
CACHE_CONTROL = "private, no-cache"
"""Each user's own, and to be asked about again before each use."""


def answer(
    request: Request,
    body: Mapping[str, Any] | bytes,
    *,
    media_type: str = JSON,
    etag: str | None = None,
) -> Response:
    """Return 200 with the body and its ETag (default: made of the body), or 304."""
    content = body if isinstance(body, bytes) else encode(body)
    etag = etag or weak_etag(content)
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if is_listed(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
