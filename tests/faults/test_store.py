"""Faults of the store under a live server: what can't be stored is refused, makes no event, and all
is well again by itself.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx2
import psutil
import pytest
from sqlalchemy import event
from websockets.asyncio.client import connect

from tests.faults.process import ServerProcess, server_process
from tests.server.sockets import Client, Server, anyio_backend, serving

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

CHANNEL = "restaurant_reservations"
PATIENCE_S = 30.0


class Rest:
    """Writes and questions of a user, over REST."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )
        self._date = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def book(self, key: str) -> httpx2.Response:
        """A booking under that key."""
        body = {"customerName": "Ann Guest", "guests": 2, "source": "web", "date": self._date}
        return await self._client.post(
            "/api/restaurant/reservations", json=body, headers={"Idempotency-Key": key}
        )

    async def reservations(self) -> httpx2.Response:
        """The restaurant's reservations, read from the store."""
        return await self._client.get("/api/restaurant/reservations")

    async def readiness(self) -> httpx2.Response:
        """What /readyz says."""
        return await self._client.get("/readyz")

    async def is_ready(self) -> None:
        """Wait until it is, without writing anything."""
        async with asyncio.timeout(PATIENCE_S):
            # asked over a socket, as anybody would
            while (await self.readiness()).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def log(self) -> list[str]:
        """The operation ids of all events."""
        events = (
            await self._client.get(
                f"/api/channels/{CHANNEL}/events", params={"after": 0, "limit": 500}
            )
        ).json()["events"]
        return [one["operationId"] for one in events]


@contextmanager
def spell(server: Server, pragma: str) -> Iterator[None]:
    """A PRAGMA on every connection of the server's writer while it lasts: the present one, and
    those that replace it.
    """
    engine = server.services.database._engines.writer

    def enchant(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(pragma)

    event.listen(engine, "connect", enchant)
    try:
        asyncio.run_coroutine_threadsafe(
            server.services.database.write(lambda connection: connection.exec_driver_sql(pragma)),
            server.loop,
        ).result(PATIENCE_S)
        yield
    finally:
        event.remove(engine, "connect", enchant)


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another program holds the write lock."""
    other = sqlite3.connect(server.services.settings.data / "rtdash.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


async def weather(
    rest: Rest,
    client: Client,
    fault: AbstractContextManager[None],
    *,
    word: str,
    may_close: bool = False,
) -> None:
    """A booking before the fault, one in it that is refused and repeated behind it: each has one
    event, in order.

    What was refused makes no event; the connection stands all the time; `word` is in what /readyz
    says of the fault. `may_close`: after an error of the disk nothing is read either, until the
    file could be opened again.
    """
    stored = ["before"]
    assert (await rest.book("before")).status_code == 201
    with fault:
        # What still fits into pages that are there is stored, and must be: a full disk is full for
        # what needs more.
        while (refused := await rest.book(f"within-{len(stored)}")).status_code == 201:
            stored.append(f"within-{len(stored)}")
            assert len(stored) < 400, "the fault isn't one"
        assert refused.status_code == 503, refused.text
        assert refused.json()["type"].removeprefix("urn:rtdash:problem:") in {
            "unavailable",
            "outcome_unknown",
        }
        assert int(refused.headers["Retry-After"]) >= 1
        async with asyncio.timeout(PATIENCE_S):
            while (
                readiness := await rest.readiness()
            ).status_code == 200:  # a probe or a beat still fitted in
                assert (await rest.book(f"within-{len(stored)}")).status_code == 503
        assert (readiness.status_code, readiness.json()["status"]) == (503, "unavailable")
        assert word in " ".join(readiness.json()["problems"])
        heard = await pong(client)
        if not may_close or (await rest.reservations()).status_code == 200:
            assert (await rest.log()) == stored, "reads go on, and what was refused is in no log"
    await rest.is_ready()
    assert (await rest.log()) == stored, "what was refused is in no log"
    stored.append(f"within-{len(stored)}")
    assert (await rest.book(stored[-1])).status_code == 201
    assert (await rest.book("behind")).status_code == 201
    stored.append("behind")
    heard += [
        (await client.until(lambda body: "seq" in body))["operationId"]
        for _ in stored[len(heard) :]
    ]
    heard += await pong(client)
    assert heard == stored
    assert await rest.log() == stored


async def pong(client: Client) -> list[str]:
    """The connection stands; the operation ids of the events that came before its answer."""
    heard = []
    await client.send({"action": "ping"})
    while (body := await client.receive()).get("status") != "pong":
        heard += [body["operationId"]] if "seq" in body else []
    return heard


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        pytest.param(
            lambda server: spell(server, "PRAGMA max_page_count=1"), "full", id="disk full"
        ),
        pytest.param(
            lambda server: spell(server, "PRAGMA query_only=ON"), "can't be written", id="read-only"
        ),
        pytest.param(locked, "locked", id="locked for long"),
    ],
)
async def test_a_fault_of_the_store_is_weathered(
    tmp_path: Path, fault: Callable[[Server], AbstractContextManager[None]], word: str
) -> None:
    """503 and no event while it lasts, /readyz says so, and all is well again without
    help.
    """
    with serving(tmp_path, "fast", requests_per_second=0) as server:
        async with (
            server.client() as client,
            Rest(f"http://127.0.0.1:{server.port}", server.token()) as rest,
        ):
            await client.subscribe(CHANNEL)
            await weather(rest, client, fault(server), word=word)


@contextmanager
def no_room(server: ServerProcess) -> Iterator[None]:
    """No file of the server's may grow any more (setrlimit(2), RLIMIT_FSIZE): what a quota or a
    full disk does to a process.
    """
    process = psutil.Process(server.pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, before)


def test_files_that_cant_grow_are_weathered(tmp_path: Path) -> None:
    """The same with a real server, whose writes the kernel refuses."""

    async def scene(server: ServerProcess) -> None:
        url = f"ws://127.0.0.1:{server.port}/ws?token={server.token()}"
        async with connect(url, proxy=None) as websocket, Rest(server.url, server.token()) as rest:
            client = Client(websocket)
            await client.subscribe(CHANNEL)
            await weather(rest, client, no_room(server), word="writing", may_close=True)

    with server_process(tmp_path / "data", requests_per_second=0) as server:
        asyncio.run(scene(server))


async def test_a_broken_file_is_told_and_mended(tmp_path: Path) -> None:
    """While the file is damaged, reads, subscribes and /readyz say so; with the file whole again,
    all that was acknowledged is there.
    """
    with serving(tmp_path, "fast", requests_per_second=0) as server:
        path = server.services.settings.data / "rtdash.db"
        async with (
            server.client() as client,
            Rest(f"http://127.0.0.1:{server.port}", server.token()) as rest,
        ):
            start = (await client.subscribe("restaurant_notifications", "hotel_reservations"))[
                "positions"
            ]["hotel_reservations"]
            stored = [f"op-{number}" for number in range(5)]
            for key in stored:
                assert (await rest.book(key)).status_code == 201
            with damaged(path):
                answer = await rest.reservations()
                assert answer.status_code == 503, answer.text
                readiness = await rest.readiness()
                assert readiness.status_code == 503
                assert "not a database" in " ".join(readiness.json()["problems"])
                refused = await client.ask(
                    action="subscribe", channels=[CHANNEL], positions={CHANNEL: start}
                )
                assert (refused["code"], refused["temporary"], refused["retryAfterMs"] > 0) == (
                    "unavailable",
                    True,
                    True,
                )
                if (await rest.book("within")).status_code == 201:
                    stored.append("within")
            await rest.is_ready()
            assert (await rest.reservations()).status_code == 200
            assert (await rest.book("behind")).status_code == 201
            stored.append("behind")
            assert await rest.log() == stored
            answer = await client.subscribe(CHANNEL, positions={CHANNEL: start})
            assert answer["recovered"] == {CHANNEL: True}
            heard = [
                (await client.until(lambda body: body.get("channel") == CHANNEL))["operationId"]
                for _ in stored
            ]
            assert heard == stored


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Another program has written over the database file; in the end it is as it was."""
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    whole = path.read_bytes()
    path.write_bytes(b"no database" * (len(whole) // 11))
    try:
        yield
    finally:
        with path.open("r+b") as file:
            file.write(whole)
            file.truncate()
