"""Lists of operations as JSON or NDJSON, decoded so that a body made to cost much holds up nothing:
no step keeps the event loop for more than some milliseconds, however many lists come at once.
"""

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import Any

from rtdash.server.rest.bodies import (
    MAX_BRACKETS,
    SINGLE_LIMIT_BYTES,
    count_brackets,
    decode_json,
    without_mark,
)
from rtdash.server.rest.json_cuts import (
    STEP_BYTES,
    Cuts,
    check_size,
    cut_list,
    refuse_rest,
    skip_blank,
    take_turn,
)
from rtdash.server.rest.problems import Problem

MAX_OPERATIONS = 1_000
AT_ONCE_BYTES = 256 * 1024
"""A JSON list up to this size is decoded in one step, where it has few brackets (MAX_BRACKETS).
A thousand ordinary bookings fit; the worst one, of distinct keys, takes 8 ms."""
STEP_OPERATIONS = 100

_NDJSON = {
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
}


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
        cuts = _cut_operations(text)
    else:
        values = _decode_at_once(text)
        yield values[:STEP_OPERATIONS]
        for start in range(STEP_OPERATIONS, len(values), STEP_OPERATIONS):
            await take_turn(turn)
            yield values[start : start + STEP_OPERATIONS]
        return
    for portion in _portions(cuts):
        yield portion
        await take_turn(turn)


def _decode_at_once(text: bytes) -> list[Any]:
    values = decode_json(text)
    if not isinstance(values, list):
        raise _no_list()
    if len(values) > MAX_OPERATIONS:
        raise _too_many()
    return values


def _portions(cuts: Cuts) -> Generator[list[Any], None, None]:
    """Decode element after element; a portion, which may be empty, is the work of one step."""
    values: list[Any] = []
    number = size = 0
    for cut in cuts:
        if cut is not None:
            place, element = cut
            if number >= MAX_OPERATIONS:
                raise _too_many()
            check_size(place, len(element))
            values.append(decode_json(element, place))
            number += 1
            size += len(element)
        if cut is None or size >= STEP_BYTES or len(values) == STEP_OPERATIONS:
            yield values
            values, size = [], 0
    yield values


def _cut_lines(text: bytes) -> Cuts:
    number, at = 1, 0
    while True:
        at, lines = yield from skip_blank(text, at)
        if at == len(text):
            return
        number += lines
        end = text.find(b"\n", at, at + SINGLE_LIMIT_BYTES + 1)
        if end < 0:
            end = len(text)
        yield f"line {number}", text[at : min(end, at + SINGLE_LIMIT_BYTES + 1)]
        at = end


def _cut_operations(text: bytes) -> Cuts:
    start, _ = yield from skip_blank(text, 0)
    if text[start : start + 1] != b"[":
        raise _no_list()
    end = yield from cut_list(text, start, noun="operation")
    yield from refuse_rest(text, end)


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
