"""Bodies and requests made to cost much: rights come first, and decoding lets others in
between.
"""

import asyncio
import json
import time
from pathlib import Path

import httpx2
import pytest

from rtdash.server.rest import operation_lists
from rtdash.server.rest.problems import Problem
from tests.server.sockets import Server, anyio_backend, serving

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
NDJSON = "application/x-ndjson"


async def decode(body: bytes, kind: str = "application/json") -> list[object]:
    return await operation_lists.decode_operations(body, kind)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"1\n" * 4_000_000, NDJSON, "too_many_operations"),
        (b"[" + b"0," * 3_900_000 + b"0]", "application/json", "too_many_operations"),
        (b"[" + b"{}," * 2_600_000 + b"{}]", "application/json", "too_many_operations"),
        (b"[" * 8_000_000, "application/json", "body_too_large"),
        (b'{"a":' * 1_600_000, NDJSON, "body_too_large"),
        (b'[{"a":"' + b"x" * 8_000_000 + b'"}]', "application/json", "body_too_large"),
        (b'["' + b'\\"' * 4_000_000 + b'"]', "application/json", "body_too_large"),
        (b"[" + b" " * 8_000_000, "application/json", "body_too_large"),
        (b"\n" * 8_000_000 + b"x", NDJSON, "unreadable"),
        (b"[1 2" + b" " * 60_000 + b"]" + b" " * 600_000, "application/json", "unreadable"),
        (b"[1,]" + b" " * 600_000, "application/json", "unreadable"),
        (b"[1]" + b" " * 600_000 + b"2", "application/json", "unreadable"),
        (b"{}" + b" " * 600_000, "application/json", "unreadable"),
    ],
    ids=range(13),
)
async def test_a_costly_list_ends_early_and_lets_others_in(
    body: bytes, kind: str, code: str
) -> None:
    """The loop turns meanwhile: a step of the decoder is far below the 20 ms that one may take."""
    steps = []

    async def watch() -> None:
        while True:
            start = time.thread_time()
            await asyncio.sleep(0)
            steps.append(time.thread_time() - start)

    watching = asyncio.ensure_future(watch())
    with pytest.raises(Problem) as refused:
        await decode(body, kind)
    watching.cancel()
    assert refused.value.code == code
    assert max(steps, default=0) < 0.06  # CPU of this thread, on a machine that others use


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
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"http://127.0.0.1:{server.port}{path}",
            content=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status_code


@pytest.mark.parametrize("path", ["/api/operations", "/api/hotel/bookings"])
async def test_rights_come_before_the_body(tmp_path: Path, path: str) -> None:
    """Who may not write is refused while the body is still withheld; a body of garbage is not even
    looked at.
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
            assert b" 403 " in await asyncio.wait_for(reader.readline(), 10)
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
            base_url=f"http://127.0.0.1:{server.port}", trust_env=False
        ) as client:
            bearer = {"Authorization": f"Bearer {server.token()}"}
            assert (await client.get("/api/user/profile", headers=bearer)).status_code == 200
            codes = [(await client.get("/asyncapi.json")).status_code for _ in range(20)]
            assert codes.count(200) >= 9
            assert codes[-1] == 429
            refused = await client.get("/docs")
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["type"] == "urn:rtdash:problem:rate_limited"
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/api/user/profile", headers=bearer)).status_code == 200
        assert server.refusals("requests_of_an_address") >= 1
