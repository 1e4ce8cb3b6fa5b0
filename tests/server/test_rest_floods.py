"""Bodies and requests made to cost much: rights come first, and others are let in between."""

import asyncio
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
from rtdash.server.rest.descriptions import asyncapi_bytes, docs_bytes, openapi_bytes
from tests.server.sockets import Server, anyio_backend, lane, serving
from tests.server.turns import Turns, assert_short_turns, tuned

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


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
