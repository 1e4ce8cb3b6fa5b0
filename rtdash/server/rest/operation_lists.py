"""Lists of operations as JSON or NDJSON, decoded so that a body made to cost much holds up nothing:
no step keeps the event loop for more than some milliseconds, however many lists come at once.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Generator
from typing import Any

from rtdash.server.rest.bodies import (
    MAX_BRACKETS,
    SINGLE_LIMIT_BYTES,
    count_brackets,
    decode_json,
    without_mark,
)
from rtdash.server.rest.problems import Problem

MAX_OPERATIONS = 1_000
AT_ONCE_BYTES = 256 * 1024
"""A JSON list up to this size is decoded in one step, where it has few brackets (MAX_BRACKETS).
A thousand ordinary bookings fit; the worst one, of distinct keys, takes 8 ms."""
STEP_BYTES = 16 * 1024
STEP_TOKENS = 2_000
STEP_OPERATIONS = 100
STEP_BLANK_BYTES = 512 * 1024

_NDJSON = {
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
}
# a whole string is one token, found without backtracking; a lone quote is one that has no end
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_Cuts = Generator[tuple[str, bytes] | None, None, None]
"""Place and text of each element; None where a step has taken long enough without one."""


async def decode_operations(
    body: bytes, content_type: str, turn: asyncio.Lock
) -> AsyncIterator[list[Any]]:
    """Give the values of a JSON list, or of the lines of NDJSON, by content type: portions of at
    most 100, none of which needs to be kept for the next. All lists of a process share `turn`: one
    after the other has a step, and the event loop turns in between.

    Raises Problem: 400 where it can't be read, 413 with the 1,001st operation or, in a list that is
    decoded in steps, for one of more than 64 KiB or 4,000 brackets.
    """
    text = without_mark(body)
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        cuts = _cut_lines(text)
    elif len(text) > AT_ONCE_BYTES or count_brackets(text) > MAX_BRACKETS:
        cuts = _cut_list(text)
    else:
        values = _decode_at_once(text)
        yield values[:STEP_OPERATIONS]
        for start in range(STEP_OPERATIONS, len(values), STEP_OPERATIONS):
            await _wait_for(turn)
            yield values[start : start + STEP_OPERATIONS]
        return
    for portion in _portions(cuts):
        yield portion
        await _wait_for(turn)


async def _wait_for(turn: asyncio.Lock) -> None:
    # held while the loop turns, so that another list begins its step a turn later
    async with turn:
        await asyncio.sleep(0)


def _decode_at_once(text: bytes) -> list[Any]:
    values = decode_json(text)
    if not isinstance(values, list):
        raise _no_list()
    if len(values) > MAX_OPERATIONS:
        raise _too_many()
    return values


def _portions(cuts: _Cuts) -> Generator[list[Any], None, None]:
    """Decode element after element; a portion, which may be empty, is the work of one step."""
    values: list[Any] = []
    number = size = 0
    for cut in cuts:
        if cut is not None:
            place, element = cut
            _check_room(number, len(element))
            values.append(decode_json(element, place))
            number += 1
            size += len(element)
        if cut is None or size >= STEP_BYTES or len(values) == STEP_OPERATIONS:
            yield values
            values, size = [], 0
    yield values


def _cut_lines(text: bytes) -> _Cuts:
    number, at = 1, 0
    while True:
        at, lines = yield from _skip_blank(text, at)
        if at == len(text):
            return
        number += lines
        end = text.find(b"\n", at, at + SINGLE_LIMIT_BYTES + 1)
        if end < 0:
            end = len(text)
        yield f"line {number}", text[at : min(end, at + SINGLE_LIMIT_BYTES + 1)]
        at = end


def _cut_list(text: bytes) -> _Cuts:
    """Cut the list into its elements. The cut follows brackets and strings only; whether an element
    is JSON its decoding shows.
    """
    at, _ = yield from _skip_blank(text, 0)
    if text[at : at + 1] != b"[":
        raise _no_list()
    number, start = 1, at + 1
    while True:
        end = yield from _element_end(text, start)
        element, sign = text[start:end], text[end : end + 1]
        if number > 1 or sign == b"," or element.strip():
            yield f"operation {number}", element
        number, start = number + 1, end + 1
        if sign == b"]":
            break
    at, _ = yield from _skip_blank(text, start)
    if at < len(text):
        raise Problem("unreadable", "the body is not JSON: something follows the list")


def _element_end(text: bytes, start: int) -> Generator[None, None, int]:
    """Return the place of the comma or bracket that ends the element from `start` on. Raises Problem
    for an element without an end.
    """
    limit = start + SINGLE_LIMIT_BYTES + 1
    at = paused_at = start
    depth = tokens = 0
    while token := _TOKEN.search(text, at, limit):
        at, sign = token.end(), token[0]
        if sign == b'"':
            _check_room(0, min(len(text), limit) - start)
            raise Problem("unreadable", "the body is not JSON: a string has no end")
        if depth == 0 and sign in b"],":
            return at - 1
        depth += _DEPTH.get(sign, 0)
        tokens += 1
        if tokens == STEP_TOKENS or at - paused_at > STEP_BYTES:
            tokens, paused_at = 0, at
            yield None
    _check_room(0, min(len(text), limit) - start)
    raise Problem("unreadable", "the body is not JSON: the list has no end")


def _skip_blank(text: bytes, at: int) -> Generator[None, None, tuple[int, int]]:
    """Return the place of what follows the blanks at `at`, and the number of lines that end there."""
    lines = 0
    while True:
        limit = at + STEP_BLANK_BYTES
        found = _BLANK.match(text, at, limit)
        assert found is not None, "it matches nothing, too"
        lines += text.count(b"\n", at, found.end())
        at = found.end()
        if at < limit:
            return at, lines
        yield None


def _check_room(number: int, size: int) -> None:
    if number >= MAX_OPERATIONS:
        raise _too_many()
    if size > SINGLE_LIMIT_BYTES:
        raise Problem(
            "body_too_large",
            f"operation {number + 1} has more than {SINGLE_LIMIT_BYTES} bytes",
            facts={"limitBytes": SINGLE_LIMIT_BYTES},
        )


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
