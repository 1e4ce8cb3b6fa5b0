"""Request bodies: bounded while they arrive, then decoded, or refused with the reason."""

from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from rtdash.server.rest.problems import Problem

SINGLE_LIMIT_BYTES = 64 * 1024
"""The body of one operation; the longest that is valid has a tenth of it."""
LIST_LIMIT_BYTES = 8 * 1024 * 1024
"""The body of a list of operations."""
DRAIN_LIMIT_BYTES = 32 * 1024 * 1024
"""So much of a body that is too large is read and thrown away, so that its sender gets to read
why."""
MAX_OPERATIONS = 1_000

_NDJSON = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body. Raises Problem: 413 for a larger one, without keeping more of it than the
    limit; 400 where the peer goes away.
    """
    told = request.headers.get("content-length", "0")
    chunks, size = [], 0
    try:
        if told.isdecimal() and int(told) <= DRAIN_LIMIT_BYTES:
            async for chunk in request.stream():
                size += len(chunk)
                if size > DRAIN_LIMIT_BYTES:
                    break
                if size <= limit_bytes:
                    chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(
            "unreadable", "the body has ended before its end"
        ) from None  # nobody reads it, and nothing is wrong here
    if size > limit_bytes or int(told) > limit_bytes:
        raise Problem(
            "body_too_large",
            f"the body has more than {limit_bytes} bytes: send it in parts",
            facts={"limitBytes": limit_bytes},
        )
    return b"".join(chunks)


def decode_json(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259, UTF-8). Raises Problem (400)."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as reason:
        raise Problem("unreadable", f"the body is not JSON: {reason}") from None


def decode_operations(body: bytes, content_type: str) -> list[Any]:
    """The values of a JSON list, or of the lines of NDJSON, by content type. Raises Problem (400
    unreadable, 413 too many).
    """
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        values = [
            _decode_line(number, line)
            for number, line in enumerate(body.splitlines(), 1)
            if line.strip()
        ]
    else:
        values = decode_json(body)
        if not isinstance(values, list):
            raise Problem(
                "unreadable",
                "the body must be a JSON list of operations, or one operation a line as"
                " application/x-ndjson",
            )
    if len(values) > MAX_OPERATIONS:
        raise Problem(
            "too_many_operations",
            f"{len(values)} operations are more than {MAX_OPERATIONS}: send them in several"
            " requests",
            facts={"limit": MAX_OPERATIONS},
        )
    return values


def _decode_line(number: int, line: bytes) -> Any:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as reason:
        raise Problem("unreadable", f"line {number} is not JSON: {reason}") from None
