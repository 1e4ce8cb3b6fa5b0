"""Bodies and requests made to cost much: rights come first, and decoding lets others in
between.
"""

import asyncio
import itertools
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rtdash.domain.instants import utc_now
from rtdash.server import made_once
from rtdash.server.guide_routes import load_guide
from rtdash.server.rest import operation_lists
from rtdash.server.rest.descriptions import asyncapi_bytes, docs_bytes, openapi_bytes
from rtdash.server.rest.problems import Problem
from tests.server.sockets import Server, anyio_backend, lane, serving
from tests.server.turns import STEP_S, Turns, assert_short_turns, tuned

__all__ = ["STEP_S", "anyio_backend", "lane"]

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
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
        (b"[" + b"{}," * 5_000 + b"{}", NDJSON, "body_too_large"),
        (b"[" + b"[" * 5_000 + b"]" * 5_001 + b" " * 300_000, JSON, "body_too_large"),
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


def booking(number: int, **more: object) -> dict[str, object]:
    """A booking that has room in the hotel, once in a list; with what else it is to have."""
    night = utc_now().date() + timedelta(days=1 + number % 300)
    return {
        "operationId": f"op-{number}",
        "op": "book",
        "kind": "hotel",
        "customerName": "Ann Example",
        "guests": 2,
        "source": "Direct",
        "roomType": "double",
        "checkIn": night.isoformat(),
        "checkOut": (night + timedelta(days=1)).isoformat(),
    } | more


LISTS = {
    "bookings": lambda: [booking(number) for number in range(1_000)],
    "unknown-fields": lambda: [
        booking(number, **{f"x{index}": 1 for index in range(500)}) for number in range(900)
    ],
    "long-names": lambda: [booking(0, **{"x" * 60_000: 1})] * 130,
    "long-values": lambda: [booking(0, customerName="x" * 60_000, amount="9" * 4_000)] * 120,
    "objects": lambda: [{}] * 1_000,
    "lists": lambda: [[]] * 1_000,
}
"""Made when they are sent: nearly half a million fields are too much for a collection of tests."""


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_is_read_and_answered_in_short_steps(
    tmp_path: Path, lane: str, name: str
) -> None:
    """From the body's last byte to the answer, checks of each field and the outcomes included."""
    body = json.dumps(LISTS[name]()).encode()

    async def measure() -> Turns:
        with serving(Path(tempfile.mkdtemp(dir=tmp_path)), lane) as server, tuned():
            token = server.token()
            assert await post(server, token, b"[]") == 200  # the token is known from here on
            turns = Turns()
            watching = asyncio.run_coroutine_threadsafe(turns.watch(), server.loop)
            assert await post(server, token, body) == 200
            watching.cancel()
            return turns

    await assert_short_turns(measure)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/asyncapi.json", "/guide"])
async def test_a_document_is_made_beside_the_loop(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request makes it, in a thread, so that other requests don't wait for it."""
    threads = []
    to_thread = asyncio.to_thread

    async def note_thread(make: Any, *arguments: Any) -> Any:
        threads.append(make)
        return await to_thread(make, *arguments)

    load_guide.cache_clear()
    asyncapi_bytes.cache_clear()
    docs_bytes.cache_clear()
    openapi_bytes.cache_clear()
    with serving(tmp_path, "fast") as server:
        monkeypatch.setattr(made_once.asyncio, "to_thread", note_thread)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=60
        ) as client:
            first, second = await client.get(path), await client.get(path)
        assert (first.status_code, second.content) == (200, first.content)
        assert len([one for one in threads if hasattr(one, "cache_info")]) == 1


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


async def test_of_thousands_of_wrong_fields_some_are_named(tmp_path: Path) -> None:
    """The answer to a body of 64 KiB can't be ten times as long, nor that to a list."""
    with serving(tmp_path, "fast") as server:
        body = json.dumps([booking(0, **{f"x{index}": 1 for index in range(5_000)})]).encode()
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.post(
                f"http://127.0.0.1:{server.port}/api/operations",
                content=body,
                headers={"Authorization": f"Bearer {server.token()}"},
            )
        (outcome,) = answer.json()["outcomes"]
        named = [error["field"] for error in outcome["problem"]["errors"]]
        assert named == [f"x{index}" for index in range(25)]


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


async def post(server: Server, token: str, body: bytes, path: str = "/api/operations") -> int:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.post(
            f"http://127.0.0.1:{server.port}{path}",
            content=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status_code


@pytest.mark.parametrize("path", ["/api/operations", "/api/hotel/bookings"])
async def test_rights_come_before_the_body(tmp_path: Path, path: str) -> None:
    """A caller that may not write is refused while the body is still withheld; a body of garbage is
    not even looked at.
    """
    with serving(tmp_path, "fast") as server:
        reading = server.token(scopes=("hotel:read",))
        foreign = server.token(venues=("elsewhere",))
        for token in (reading, foreign):
            assert await post(server, token, b"garbage", path) == 403
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                "Content-Length: 60000\r\n\r\n".encode()
            )
            assert b" 403 " in await asyncio.wait_for(reader.readline(), 30)
            writer.transport.abort()


async def test_withheld_bodies_of_a_user_are_bounded(tmp_path: Path) -> None:
    """All but the last byte of many large bodies: above the bound they are refused, and those that
    end give their room back.
    """
    with serving(tmp_path, "fast", requests_per_second=0) as server:
        head = (
            f"POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token()}"
            f"\r\nContent-Length: {8 * MIB}\r\n\r\n"
        ).encode()
        writers = []
        for _ in range(4):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writers.append(writer)
            writer.write(head + b" " * (8 * MIB - 1))
        await server.until(lambda: server.refusals("bodies_in_flight_bytes") >= 1)
        assert server.services.bodies.held_bytes <= 24 * MIB
        for writer in writers:
            writer.transport.abort()
        await server.until(lambda: server.services.bodies.held_bytes == 0)
        assert await post(server, server.token(), b"[]") == 200


async def test_an_address_without_a_token_is_paced(tmp_path: Path) -> None:
    """Documents and refusals alike; a user with a known token is counted as that user."""
    with serving(tmp_path, "fast", requests_per_second=1, requests_burst=5) as server:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=60
        ) as client:
            bearer = {"Authorization": f"Bearer {server.token()}"}
            assert (await client.get("/api/user/profile", headers=bearer)).status_code == 200
            for path, granted in (("/asyncapi.json", 9), ("/docs", 0)):
                codes = [200]  # between two refusals there may be a second
                while codes[-1] == 200 and len(codes) < 100:
                    refused = await client.get(path)
                    codes.append(refused.status_code)
                assert len(codes) - 2 >= granted
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["type"] == "urn:rtdash:problem:rate_limited"
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/api/user/profile", headers=bearer)).status_code == 200
        assert server.refusals("requests_of_an_address") >= 1
