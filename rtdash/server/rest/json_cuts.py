"""JSON texts cut into the elements of a list, in steps: each element is then small enough to be
decoded at once.
"""

import asyncio
import re
from collections.abc import Generator

from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES
from rtdash.server.rest.problems import Problem

STEP_BYTES = 16 * 1024
STEP_TOKENS = 2_000
STEP_BLANK_BYTES = 512 * 1024
STEP_STRING_BYTES = 64 * 1024

# a whole string is one token, found without backtracking; a lone quote is one that has no end
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_STRING_PART = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*")
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

Cuts = Generator[tuple[str, bytes] | None, None, None]
"""Place and text of each element; None where a step has taken long enough without one."""


async def take_turn(turn: asyncio.Lock) -> None:
    """Let the event loop turn, once for each text that is decoded: of those that share `turn` one
    has a step at a time.
    """
    # held while the loop turns, so that another list begins its step a turn later
    async with turn:
        await asyncio.sleep(0)


def cut_list(
    text: bytes, start: int, *, noun: str
) -> Generator[tuple[str, bytes] | None, None, int]:
    """Cut the list that begins at `start` into its elements, named by `noun` and number; the result
    is the place behind it. Raises Problem: 400 for a list without an end, 413 for an element of
    more than 64 KiB.

    The cut follows brackets and strings only; whether an element is JSON its decoding shows.
    """
    number, at = 1, start + 1
    while True:
        place = f"{noun} {number}"
        end = yield from element_end(text, at, place)
        element, sign = text[at:end], text[end : end + 1]
        if number > 1 or sign == b"," or element.strip():
            yield place, element
        number, at = number + 1, end + 1
        if sign == b"]":
            return at


def element_end(
    text: bytes,
    start: int,
    place: str,
    *,
    closing: bytes = b"]",
    limit_bytes: int = SINGLE_LIMIT_BYTES,
) -> Generator[None, None, int]:
    """Return the place of the comma or closing bracket behind the element that begins at `start`.
    Raises Problem for an element without an end.
    """
    limit = min(start + limit_bytes + 1, len(text))
    at = paused_at = start
    depth = tokens = 0
    missing = "the list"
    while at < limit:
        window = min(at + STEP_STRING_BYTES, limit)
        token = _TOKEN.search(text, at, window)
        at, sign = (token.end(), token[0]) if token is not None else (window, b"")
        if sign == b'"':
            at = yield from _string_end(text, at, limit)
            missing = "a string" if at > limit else missing
        if depth == 0 and sign in {b",", closing}:
            return at - 1
        depth += _DEPTH.get(sign, 0)
        tokens += 1
        if tokens == STEP_TOKENS or at - paused_at > STEP_BYTES:
            tokens, paused_at = 0, at
            yield None
    check_size(place, limit - start)
    raise Problem("unreadable", f"the body is not JSON: {missing} has no end")


def _string_end(text: bytes, at: int, limit: int) -> Generator[None, None, int]:
    """Return the place behind the string with content from `at` on; one beyond `limit` where it
    has no end.
    """
    while at < limit:
        part = _STRING_PART.match(text, at, min(at + STEP_STRING_BYTES, limit))
        assert part is not None, "it matches nothing, too"
        if text[part.end() : part.end() + 1] == b'"':
            return part.end() + 1
        if part.end() == at:
            break  # a lone backslash ends the text
        at = part.end()
        yield None
    return limit + 1


def skip_blank(text: bytes, at: int) -> Generator[None, None, tuple[int, int]]:
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


def match_string(text: bytes, at: int) -> bytes:
    """Return the JSON string at a place, of at most 64 KiB; empty where there is none."""
    token = _TOKEN.match(text, at, at + SINGLE_LIMIT_BYTES)
    return token[0] if token is not None and len(token[0]) > 1 else b""


def refuse_rest(text: bytes, end: int) -> Generator[None, None, None]:
    """Raise Problem (400) where anything but blanks follows."""
    at, _ = yield from skip_blank(text, end)
    if at < len(text):
        raise Problem("unreadable", "the body is not JSON: something follows the list")


def check_size(place: str, size: int) -> None:
    """Raise Problem (413) for an element of more than 64 KiB."""
    if size > SINGLE_LIMIT_BYTES:
        raise Problem(
            "body_too_large",
            f"{place} has more than {SINGLE_LIMIT_BYTES} bytes",
            facts={"limitBytes": SINGLE_LIMIT_BYTES},
        )
