"""Records of a webhook's body, read in steps: no step keeps the event loop for more than some
milliseconds, whatever a sender's system has made.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace

from rtdash.imports import ImportMap, RowError, SourceRow, Undecodable
from rtdash.imports.decoding import decode
from rtdash.imports.readers import format_of, iter_rows, make_row
from rtdash.server.rest.bodies import MAX_BRACKETS, SINGLE_LIMIT_BYTES, count_brackets
from rtdash.server.rest.json_cuts import (
    STEP_BYTES,
    cut_list,
    element_end,
    match_string,
    refuse_rest,
    skip_blank,
    take_turn,
)
from rtdash.server.rest.problems import Problem

STEP_RECORDS = 20
STEP_MEMBERS = 500
LINE_COST_BYTES = 32
"""An empty line costs as much as so many bytes."""
TABLE_LINES = 5_000
TABLE_LIMIT_BYTES = 64 * 1024
"""A delivery as CSV or TSV: its reader takes a row whole, and a row may be the whole body."""

_Row = SourceRow | RowError
_Steps = Generator[_Row | None, None, None]
"""Records; None where a step has taken long enough without one."""


async def read_records(
    body: bytes, mapping: ImportMap, turn: asyncio.Lock
) -> AsyncIterator[list[_Row]]:
    """Give the records in portions of at most 20, as `parse_rows` reads them. All bodies of a
    process share `turn`.

    Raises Undecodable, also for a record of more than 64 KiB or 4,000 brackets.
    """
    portion: list[_Row] = []
    for row in _rows(decode(body, mapping.encoding), mapping):
        if row is not None:
            portion.append(row)
        if row is None or len(portion) == STEP_RECORDS:
            yield portion
            portion = []
            await take_turn(turn)
    yield portion


def _rows(text: str, mapping: ImportMap) -> Iterator[_Row | None]:
    form = mapping.format or format_of("hook.json", text)
    match form:
        case "json":
            return _json_rows(text, mapping.items)
        case "ndjson":
            return _ndjson_rows(text, mapping.items)
    if len(text) > TABLE_LIMIT_BYTES or text.count("\n") + text.count("\r") > TABLE_LINES:
        raise Undecodable(
            f"a table has at most {TABLE_LIMIT_BYTES} characters and {TABLE_LINES} lines: send it"
            " in parts"
        )
    return iter_rows(text, form, delimiter=mapping.delimiter, columns=mapping.columns)


def _ndjson_rows(text: str, items: str | None) -> _Steps:
    size = 0
    for number, line in enumerate(_lines(_encode(text)), 1):
        _check(line, f"line {number}")
        for row in iter_rows(line.decode(), "ndjson", items=items):
            yield replace(row, line=number)
        size += len(line) + LINE_COST_BYTES
        if size >= STEP_BYTES:
            size = 0
            yield None


def _lines(text: bytes) -> Iterator[bytes]:
    """One at a time: a list of a million empty ones would take too long."""
    at = 0
    while (end := text.find(b"\n", at)) >= 0:
        yield text[at:end]
        at = end + 1
    yield text[at:]


def _json_rows(text: str, items: str | None) -> _Steps:
    body = _encode(text)
    if _is_small(body):
        yield from iter_rows(text, "json", items=items)
        return
    try:
        yield from _cut_rows(body, items)
    except Problem as problem:
        raise Undecodable(problem.detail) from None
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"no JSON: {error}") from None


def _cut_rows(text: bytes, items: str | None) -> _Steps:
    """Read the list at `items` element by element. What stands around it is only passed over."""
    start, depth = yield from _find_list(text, items)
    cuts = cut_list(text, start, noun="record")
    number = size = 0
    while True:
        try:
            cut = next(cuts)
        except StopIteration as stop:
            end: int = stop.value
            break
        if cut is not None:
            place, element = cut
            _check(element, place)
            number += 1
            size += len(element)
            yield make_row(json.loads(element), number, items)
        if cut is None or size >= STEP_BYTES:
            size = 0
            yield None
    for _ in range(depth):
        end = yield from _object_end(text, end)
    yield from refuse_rest(text, end)


def _find_list(text: bytes, items: str | None) -> Generator[None, None, tuple[int, int]]:
    """Return the place of the bracket that opens the list, and the number of objects around it. A
    key with dots in it is found as it stands, as in a small body.
    """
    ways: list[list[str]] = [[]] if items is None else [[items], items.split(".")]
    for way in ways:
        at, _ = yield from skip_blank(text, 0)
        for key in way:
            at = yield from _find_member(text, at, key)
        if text[at : at + 1] == b"[":
            return at, len(way)
        if len(way) == 1 and at < len(text):
            break  # the whole key is there, and no list: what its parts lead to isn't meant
    where = "in them: name its path as `items`" if items is None else f"at {items!r}"
    raise Undecodable(f"more than {SINGLE_LIMIT_BYTES} bytes, and no list {where}")


def _find_member(text: bytes, at: int, key: str) -> Generator[None, None, int]:
    """Return the place of a member's value in the object at `at`; the end where there is none."""
    passed = 0
    while text[at : at + 1] in {b"{", b","}:
        passed += 1
        if passed % STEP_MEMBERS == 0:
            yield None
        at, _ = yield from skip_blank(text, at + 1)
        name = match_string(text, at)
        if not name:
            break
        at, _ = yield from skip_blank(text, at + len(name))
        if text[at : at + 1] != b":":
            break
        at, _ = yield from skip_blank(text, at + 1)
        if json.loads(name) == key:
            return at
        at = yield from _pass_over(text, at)
    return len(text)


def _object_end(text: bytes, at: int) -> Generator[None, None, int]:
    """Return the place behind the object that has a member ending at `at`."""
    at, _ = yield from skip_blank(text, at)
    passed = 0
    while text[at : at + 1] == b",":
        passed += 1
        if passed % STEP_MEMBERS == 0:
            yield None
        at = yield from _pass_over(text, at + 1)
    if text[at : at + 1] != b"}":
        raise Problem("unreadable", "the body is not JSON: what follows the list is no member")
    return at + 1


def _pass_over(text: bytes, at: int) -> Generator[None, None, int]:
    end = yield from element_end(
        text, at, "what stands beside the list", closing=b"}", limit_bytes=len(text)
    )
    return end


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Undecodable("halves of characters (lone surrogates) stand in the text") from None


def _is_small(text: bytes) -> bool:
    """Whether it may be decoded in one step."""
    return len(text) <= SINGLE_LIMIT_BYTES and count_brackets(text) <= MAX_BRACKETS


def _check(text: bytes, place: str) -> None:
    if not _is_small(text):
        raise Undecodable(
            f"{place} has more than {SINGLE_LIMIT_BYTES} bytes or {MAX_BRACKETS} brackets"
        )
