"""Lists of operations as JSON or NDJSON, decoded so that a body made to cost much holds up nothing:
no step keeps the event loop for more than some milliseconds.
"""

import asyncio
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from pydantic_core import from_json

from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, without_mark
from rtdash.server.rest.problems import Problem

MAX_OPERATIONS = 1_000
AT_ONCE_BYTES = 256 * 1024
"""A JSON list up to this size is decoded in one step: the worst one, of empty objects, takes 5 ms.
A thousand ordinary bookings fit."""
STEP_BYTES = 64 * 1024
STEP_TOKENS = 4_000

_NDJSON = {
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
}
_TOKEN = re.compile(rb'["\[\]{},]')
_BLANK = re.compile(rb"[ \t\r\n]*")
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b",": 0}


async def decode_operations(body: bytes, content_type: str) -> list[Any]:
    """Return the values of a JSON list, or of the lines of NDJSON, by content type.

    Raises Problem: 400 where it can't be read, 413 with the 1,001st operation or for one of more
    than 64 KiB in a long list.
    """
    text = without_mark(body)
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        return await _decode_lines(text)
    if len(text) > AT_ONCE_BYTES:
        return await _decode_long_list(text)
    values = decode_json(text)
    if not isinstance(values, list):
        raise _no_list()
    if len(values) > MAX_OPERATIONS:
        raise _too_many()
    return values


async def _decode_lines(text: bytes) -> list[Any]:
    values: list[Any] = []
    at = last = done = 0
    number = 1
    while (at := _skip_blank(text, at)) < len(text):
        number, last = number + text.count(b"\n", last, at), at
        end = text.find(b"\n", at, at + SINGLE_LIMIT_BYTES + 1)
        if end < 0:
            end = len(text)
        _check_room(len(values), end - at)
        values.append(_decode_one(text[at:end], f"line {number}"))
        at = end
        if at - done > STEP_BYTES:
            done = at
            await asyncio.sleep(0)
    return values


async def _decode_long_list(text: bytes) -> list[Any]:
    """Cut the list into its elements and decode one after the other.

    The cut follows brackets and strings only; whether an element is JSON its decoding shows.
    """
    values: list[Any] = []
    start = _skip_blank(text, 0) + 1
    if text[start - 1 : start] != b"[":
        raise _no_list()
    for end in _cut(text, start):
        if end is None:
            await asyncio.sleep(0)
            continue
        element = text[start:end].strip()
        if element or values or text[end : end + 1] == b",":
            _check_room(len(values), len(element))
            values.append(_decode_one(element, f"operation {len(values) + 1}"))
        start = end + 1
    if _skip_blank(text, start) < len(text):
        raise Problem("unreadable", "the body is not JSON: something follows the list")
    return values


def _cut(text: bytes, start: int) -> Iterator[int | None]:
    """Find the end of each element from `start` on, up to the list's end; None after so many steps
    that the event loop should turn. Raises Problem for an element without an end.
    """
    at, depth = start, 0
    for steps in count(1):
        token = _TOKEN.search(text, at, start + SINGLE_LIMIT_BYTES + 1)
        if token is None:
            _check_room(0, min(len(text), start + SINGLE_LIMIT_BYTES + 1) - start)
            raise Problem("unreadable", "the body is not JSON: the list has no end")
        at, sign = token.end(), token[0]
        if sign == b'"':
            at = _string_end(text, at, start + SINGLE_LIMIT_BYTES)
        elif depth or sign not in b"],":
            depth += _DEPTH[sign]
        else:
            yield at - 1
            start = at
            if sign == b"]":
                return
        if steps % STEP_TOKENS == 0:
            yield None


def _string_end(text: bytes, at: int, limit: int) -> int:
    """Return where the string ends whose first character is at `at`: behind the first quote that an
    even number of backslashes precedes.
    """
    while True:
        quote = text.find(b'"', at, limit + 1)
        if quote < 0:
            _check_room(0, SINGLE_LIMIT_BYTES + 1 if len(text) > limit else 0)
            raise Problem("unreadable", "the body is not JSON: a string has no end")
        escapes = quote
        while escapes > at and text[escapes - 1 : escapes] == b"\\":
            escapes -= 1
        at = quote + 1
        if (quote - escapes) % 2 == 0:
            return at


def _skip_blank(text: bytes, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None, "it matches nothing, too"
    return found.end()


def _check_room(number: int, size: int) -> None:
    if number >= MAX_OPERATIONS:
        raise _too_many()
    if size > SINGLE_LIMIT_BYTES:
        raise Problem(
            "body_too_large",
            f"operation {number + 1} has more than {SINGLE_LIMIT_BYTES} bytes",
            facts={"limitBytes": SINGLE_LIMIT_BYTES},
        )


def _decode_one(text: bytes, where: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as reason:
        raise Problem("unreadable", f"{where} is not JSON: {reason}") from None


def _no_list() -> Problem:
    return Problem(
        "unreadable",
        "the body must be a JSON list of operations, or one operation a line as"
        " application/x-ndjson",
    )


def _too_many() -> Problem:
    return Problem(
        "too_many_operations",
        f"there are more than {MAX_OPERATIONS} operations: send them in several requests",
        facts={"limit": MAX_OPERATIONS},
    )
