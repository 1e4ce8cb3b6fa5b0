"""Decoding of lists that are made to cost much: it lets others in between, and says of long ones
what it says of short ones.
"""

import asyncio
import itertools
import json

import pytest

from rtdash.server.rest import operation_lists
from rtdash.server.rest.problems import Problem
from tests.server.sockets import anyio_backend
from tests.server.turns import Turns, assert_short_turns, tuned

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio
JSON = "application/json"
NDJSON = "application/x-ndjson"


async def decode(body: bytes, kind: str = JSON) -> list[object]:
    portions = operation_lists.decode_operations(body, kind, asyncio.Lock())
    return [value async for portion in portions for value in portion]


def elements(unit: bytes, separator: bytes = b",") -> bytes:
    """A list of such elements, of a bit less than 256 KiB, which is decoded at once if it may be."""
    number = (operation_lists.AT_ONCE_BYTES - 2) // (len(unit) + len(separator))
    return b"[" + separator.join([unit] * number) + b"]"


def member_names(number: int) -> bytes:
    """An object of so many distinct, tiny members."""
    return b"{" + b",".join(b'"%x":1' % index for index in range(number)) + b"}"


DEEP = b"[" * 190 + b"]" * 190


LARGE = (
    b"[" + b",".join([b"{}"] * 3_900) + b"]",
    b"[" + b",".join([b'{"":0}'] * 3_900) + b"]",
    b"[" + b",".join([DEEP] * 20) + b"]",
    b"[" + b",".join([b"9" * 4_000] * 15) + b"]",
    b'"' + b'\\"' * 30_000 + b'"',
    b'"' + b"\\\\" * 30_000 + b'"',
    b'"' + b"\\u00e9" * 10_000 + b'"',
    member_names(6_000),
)
"""Elements with as many brackets or bytes as one may have in a long list."""


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"1\n" * 4_000_000, NDJSON, "too_many_operations"),
        (b"[" + b"0," * 3_900_000 + b"0]", JSON, "too_many_operations"),
        (b"[" + b"{}," * 2_600_000 + b"{}]", JSON, "too_many_operations"),
        (b"[" * 8_000_000, JSON, "body_too_large"),
        (b'{"a":' * 1_600_000, NDJSON, "body_too_large"),
        (b'[{"a":"' + b"x" * 8_000_000 + b'"}]', JSON, "body_too_large"),
        (b'["' + b'\\"' * 4_000_000 + b'"]', JSON, "body_too_large"),
        (b"[" + b" " * 8_000_000, JSON, "body_too_large"),
        (b"\n" * 8_000_000 + b"x", NDJSON, "unreadable"),
        (b"[1 2" + b" " * 60_000 + b"]" + b" " * 600_000, JSON, "unreadable"),
        (b"[1,]" + b" " * 600_000, JSON, "unreadable"),
        (b"[1]" + b" " * 8_000_000 + b"2", JSON, "unreadable"),
        (b"{}" + b" " * 600_000, JSON, "unreadable"),
        (b'["' + b"x" * 600_000, JSON, "body_too_large"),
        (b'["x' + b'"]' * 300_000, JSON, "unreadable"),
        (elements(b"{}"), JSON, "too_many_operations"),
        (elements(b"[[],[]]"), JSON, "too_many_operations"),
        (elements(b"0"), JSON, "too_many_operations"),
        (elements(b"9" * 20), JSON, "too_many_operations"),
        (b"[" + b"9" * 200_000 + b"]", JSON, "unreadable"),
        (b"\n".join([b"9" * 8_000] * 1_000), NDJSON, "unreadable"),
        (b"[" + b"{}," * 5_000 + b"{}", NDJSON, "unreadable"),
        (b"[" + b"[" * 5_000 + b"]" * 5_001 + b" " * 300_000, JSON, "unreadable"),
        (elements(DEEP), JSON, None),
        (elements(b'{"a":' * 190 + b"0" + b"}" * 190), JSON, None),
        (elements(member_names(23_000)), JSON, None),
        (elements(b"9" * 4_000), JSON, None),
        (b"[" + (b" " * 8_000 + b"1,") * 900 + b"1]", JSON, None),
        (b"\n".join([member_names(800)] * 1_000), NDJSON, None),
        (b"\n".join([b"[" + b",".join([DEEP] * 20) + b"]"] * 300), NDJSON, None),
        *((b"\n".join([element] * 30), NDJSON, None) for element in LARGE),
        *((b"[" + b",".join([element] * 30) + b"]", JSON, None) for element in LARGE),
    ],
    ids=itertools.count(),
)
async def test_a_costly_list_ends_early_and_lets_others_in(
    body: bytes, kind: str, code: str | None
) -> None:
    """No list, however it is made, holds the loop for more than 20 ms of CPU; one that can't be
    taken ends early.
    """

    async def measure() -> Turns:
        turns = Turns()
        with tuned():
            watching = asyncio.ensure_future(turns.watch())
            await asyncio.sleep(0)  # the first step counts, too
            seen, portions = None, operation_lists.decode_operations(body, kind, asyncio.Lock())
            try:
                async for _ in portions:  # none is kept
                    pass
            except Problem as reason:
                seen = reason.code
            await asyncio.sleep(0)
            watching.cancel()
        assert seen == code
        return turns

    await assert_short_turns(measure)


async def test_lists_that_come_together_take_turns() -> None:
    """Many lists at once hold the loop no longer than one: a turn of the loop decodes one step."""
    turn, steps = asyncio.Lock(), [0]

    async def decode_one() -> None:
        async for _ in operation_lists.decode_operations(b"\n".join([LARGE[3]] * 5), NDJSON, turn):
            steps[-1] += 1

    decoding = [asyncio.ensure_future(decode_one()) for _ in range(8)]
    await asyncio.sleep(0)
    steps[:] = [0]  # the first step of each has been taken
    while not all(one.done() for one in decoding):
        await asyncio.sleep(0)
        steps.append(0)
    assert max(steps) == 1
    assert sum(steps) >= 8 * 4


@pytest.mark.parametrize("padding", [0, 600_000])
async def test_long_lists_say_what_short_ones_say(padding: int) -> None:
    """However a list is cut for decoding, its values are those of the text."""
    values = [
        {"text": 'a "quoted" \\ [bracket] {brace}, comma', "n": [1, {"deep": [[]]}]},
        [],
        {},
        "x,]",
        -1.5e3,
        None,
        True,
    ] * 100
    for form in (json.dumps(values), json.dumps(values, indent=3)):
        text = form.encode() + b" " * padding
        assert await decode(text) == values
    lines = "\r\n\n".join(json.dumps(value) for value in values).encode()
    assert await decode(lines + b"\n" * padding, NDJSON) == values
