"""Floods without rights, in a small form, beside subscribers: these get everything, and what the
floods made goes away. `loadtests/bench/flood.py` measures the large form.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rtdash.server.rest.problems import Problem
from tests.server.sockets import PATIENCE_S, Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio
BENCH = Path(__file__).parents[2] / "loadtests" / "bench"
EVENTS, SUBSCRIBERS = 60, 20
LAST = "Last Guest"


@pytest.fixture
def floods(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The kinds of floods of the measurement, holding their connections for a second."""
    monkeypatch.syspath_prepend(str(BENCH))
    import floods  # type: ignore[import-not-found]  # noqa: PLC0415

    monkeypatch.setattr(floods, "HELD_S", 1.0)
    yield floods
    sys.modules.pop("floods", None)


@pytest.mark.parametrize("addresses", [1, 5])
async def test_subscribers_get_everything_beside_floods(
    tmp_path: Path, lane: str, floods: ModuleType, addresses: int
) -> None:
    """Every event, in order, on every socket; nothing that the floods held stays, and few of their
    requests were answered.
    """
    with serving(tmp_path, lane, connections_per_user=0) as server:
        powerless = server.token("powerless", scopes=("hotel:read",))
        flood = floods.Flood(server.port, powerless, time.monotonic() + 60, share=0.1)
        async with asyncio.TaskGroup() as group:
            subscribed = asyncio.Semaphore(0)
            reading = [group.create_task(_follow(server, subscribed)) for _ in range(SUBSCRIBERS)]
            for _ in reading:
                await asyncio.wait_for(subscribed.acquire(), PATIENCE_S)
            flooding = [
                group.create_task(
                    asyncio.to_thread(act, flood, f"127.0.0.{1 + number % addresses}")
                )
                for number, act in enumerate(floods.KINDS)
            ]
            while not all(one.done() for one in flooding):
                await server.book()
                assert (
                    server.services.bodies.held_bytes == 0
                )  # a body of a token without the right to write is not read
                await asyncio.sleep(0.02)
            await server.book(EVENTS)
            (last,) = await server.book(name=LAST)
        for task in reading:
            assert task.result() == list(range(1, last + 1))
        assert flood.tried == {
            "pipelining": 10, "heads": 20, "bodies": 8, "lists": 1, "documents": 3,
        }  # fmt: skip
        assert server.refusals("head_limit_bytes") >= 10
        await server.until(lambda: not server.sockets)


async def _follow(server: Server, subscribed: asyncio.Semaphore) -> list[int]:
    """The seqs of all events up to the last one."""
    async with server.client() as client:
        await client.subscribe("restaurant_reservations")
        subscribed.release()
        seen: list[int] = []
        while True:
            event = await client.until(lambda body: "seq" in body)
            seen.append(event["seq"])
            if event["reservation"]["customerName"] == LAST:
                return seen


async def test_a_refused_body_is_forgotten_at_once(tmp_path: Path) -> None:
    """Without the garbage collector, which comes late: a refusal that knew its own frame would keep
    a body of megabytes.
    """
    with serving(tmp_path, "fast") as server:
        token = server.token()
        await _post(server, token, b"[]")  # the token is known from here on
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                assert b" 413 " in await _post(server, token, b"[" + b" " * 1_000_000)
            left = [one for one in gc.get_objects() if type(one) is Problem]
            assert len(left) == 0
        finally:
            gc.enable()


async def _post(server: Server, token: str, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer
