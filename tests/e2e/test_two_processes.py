"""Two `rtdash serve` processes on one PostgreSQL and one broker are one server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import NullPool, create_engine, func, make_url, select
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from rtdash.protocol.codes import CloseCode
from rtdash.store.schema import leases
from tests.faults.process import ServerProcess, server_process
from tests.faults.verdicts import tell
from tests.server.sockets import Client
from tests.servers import TestServer
from tests.stores import new_database

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PLACES = 10
LEASE_S = 15.0
GRILL, HOTEL = "harbour-grill", "harbour-hotel"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def database(postgres_server: TestServer) -> Iterator[str]:
    """What both processes store in."""
    with new_database(postgres_server.url) as url:
        yield url


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, database: str, redis_server: TestServer
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes that know nothing of each other but the URLs."""
    here = tmp_path_factory.mktemp("pair")
    options = {
        "database": database,
        "broker": redis_server.url,
        "connections_per_user": PLACES,
        "requests_per_second": 0,
    }
    with (
        server_process(here / "a", **options) as one,
        server_process(here / "b", **options) as other,
    ):
        yield one, other


@asynccontextmanager
async def client(
    server: ServerProcess, user: str = "anna", *, token: str | None = None, **query: str
) -> AsyncIterator[Client]:
    address = (
        server.url.replace("http", "ws", 1)
        + "/ws?"
        + urlencode({"token": token or server.token(user), **query})
    )
    async with connect(address, proxy=None, ping_interval=None) as websocket:
        yield Client(websocket)


@dataclass
class Desk:
    """Client that books at one process."""

    server: ServerProcess
    http: httpx2.AsyncClient

    async def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        """A request with a token for everything."""
        return await self.http.post(
            self.server.url + path,
            json=body,
            headers={"Authorization": f"Bearer {self.server.token('desk')}"},
        )

    async def book(self, start: datetime | None = None) -> dict[str, Any]:
        """A table."""
        start = start or datetime.now(UTC) + timedelta(days=3)
        body = {
            "customerName": "Ann Guest",
            "guests": 2,
            "source": "Phone",
            "date": start.isoformat(),
        }
        answer = await self.post("/api/restaurant/reservations", body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@asynccontextmanager
async def desks(pair: tuple[ServerProcess, ServerProcess]) -> AsyncIterator[tuple[Desk, Desk]]:
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as http:
        yield Desk(pair[0], http), Desk(pair[1], http)


async def test_events_of_both_reach_the_sockets_of_both(pair, capsys) -> None:
    """What is booked here is seen there, by its notice, in one order for all."""
    async with desks(pair) as two, client(pair[0]) as here, client(pair[1]) as there:
        heads = [
            (await one.subscribe("restaurant_reservations"))["positions"][
                "restaurant_reservations"
            ]["seq"]
            for one in (here, there)
        ]
        await asyncio.gather(*(two[number % 2].book() for number in range(40)))
        began = time.monotonic()
        expected = list(range(heads[0] + 1, heads[0] + 41))
        assert await here.events(40) == await there.events(40) == expected
        took_s = time.monotonic() - began
    assert heads[0] == heads[1]
    tell(
        capsys,
        f"40 events of two processes at both sockets {took_s * 1000:.0f} ms after the last answer",
    )


async def test_figures_of_both_are_the_same(pair) -> None:
    """Statistics follow what the other process has written."""
    async with desks(pair) as two, client(pair[1]) as there:
        await there.subscribe("restaurant_stats")
        before = (await there.until(lambda body: body.get("type") == "stats_update"))["stats"][
            "reservationsToday"
        ]
        today = (
            await two[0].http.get(
                pair[0].url + "/api/dashboard/stats",
                params={"venue": GRILL},
                headers=_bearer(pair[0]),
            )
        ).json()
        noon = datetime.fromisoformat(today["businessDate"]).replace(hour=18, tzinfo=UTC)
        await two[0].book(noon)
        assert await there.until(
            lambda body: (
                body.get("type") == "stats_update"
                and body["stats"]["reservationsToday"] == before + 1
            )
        )


async def test_a_session_is_resumed_in_the_other_process(pair) -> None:
    """With nothing but its id: everything after what was confirmed comes, and the old connection is
    closed.
    """
    async with desks(pair) as two, client(pair[0], "resumer") as old:
        answer = await old.subscribe("restaurant_reservations")
        await two[1].book()
        await old.events(1)
        async with client(pair[1], "resumer", session=answer["session"]) as new:
            resumed = await new.until(lambda body: "status" in body)
            assert (resumed["status"], resumed["recovered"]) == (
                "resumed",
                {"restaurant_reservations": True},
            )
            assert await new.events(1) == [
                answer["positions"]["restaurant_reservations"]["seq"] + 1
            ]
            said, code = await asyncio.wait_for(old.farewell(), LEASE_S)
            assert (code, said and said["reconnect"]) == (4505, False)
        async with client(pair[0], "somebody else", session=answer["session"]) as thief:
            assert (await thief.until(lambda body: "status" in body))["code"] == "session_unknown"


async def test_a_users_places_are_counted_over_both(pair) -> None:
    """More than the limit may slip in between two beats; within a lease the newest are closed with
    4007.
    """
    async with AsyncExitStack() as stack:
        mine = [
            await stack.enter_async_context(client(pair[number % 2], "idle_connections"))
            for number in range(PLACES + 2)
        ]
        for one in mine:
            await one.subscribe("restaurant_reservations")
        ends = [asyncio.create_task(one.websocket.wait_closed()) for one in mine]
        async with asyncio.timeout(2 * LEASE_S):
            while sum(end.done() for end in ends) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        async with (
            client(pair[0], "idle_connections") as late,
            client(pair[1], "idle_connections") as later,
        ):
            assert [(await one.farewell())[1] for one in (late, later)] == [4007, 4007]
        still = [one for one, end in zip(mine, ends, strict=True) if not end.done()]
        assert len(still) == PLACES
        assert {
            one.websocket.close_code for one, end in zip(mine, ends, strict=True) if end.done()
        } == {4007}
        for end in ends:
            end.cancel()


async def test_a_place_passes_on_to_the_other_process(pair, database) -> None:
    """A user with all places taken resumes all of them elsewhere at once: no resume is refused, the
    old connections are closed with 4505.
    """
    async with AsyncExitStack() as stack:
        old = [await stack.enter_async_context(client(pair[0], "mover")) for _ in range(PLACES)]
        sessions = [(await one.subscribe("restaurant_reservations"))["session"] for one in old]
        async with asyncio.timeout(2 * LEASE_S):
            # else the question below could be counted before the ten
            while _leased(database, "mover") < PLACES:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            # another process's memory
            while not await _is_full(pair[1], "mover"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        new = [
            await stack.enter_async_context(client(pair[1], "mover", session=session))
            for session in sessions
        ]
        assert [(await one.until(lambda body: "status" in body))["status"] for one in new] == [
            "resumed"
        ] * PLACES
        assert [(await asyncio.wait_for(one.farewell(), LEASE_S))[1] for one in old] == [
            4505
        ] * PLACES
        for one in new:
            assert (await one.ask(action="ping"))["status"] == "pong"


def _leased(database: str, user: str) -> int:
    """The user's connections, as the processes have stored them for each other."""
    engine = create_engine(
        make_url(database).set(drivername="postgresql+psycopg"), poolclass=NullPool
    )
    with engine.connect() as conn:
        return conn.execute(
            select(func.coalesce(func.sum(leases.c.connections), 0)).where(leases.c.sub == user)
        ).scalar_one()


async def _is_full(server: ServerProcess, user: str) -> bool:
    """Whether a newcomer is turned away there: the process has heard of the other's connections."""
    async with client(server, user) as probe:
        try:
            await probe.send({"action": "ping"})
            return (await probe.receive()).get("type") == "disconnect"
        except ConnectionClosedError as closed:  # before it could ask
            return closed.rcvd is not None and closed.rcvd.code == CloseCode.TOO_MANY_CONNECTIONS


async def test_a_revoked_token_loses_its_sockets_in_both(pair, capsys) -> None:
    """4504 within two seconds, wherever it was revoked; its bearer isn't let in again."""
    token = pair[0].token("leaver")
    async with (
        desks(pair) as two,
        client(pair[0], token=token) as here,
        client(pair[1], token=token) as there,
    ):
        await here.subscribe("restaurant_reservations")
        await there.subscribe("restaurant_reservations")
        answer = await two[0].post("/api/admin/revocations", {"sub": "leaver"})
        assert answer.status_code == 204
        began = time.monotonic()
        codes = [(await one.farewell())[1] for one in (here, there)]
        tell(capsys, f"revoked in both processes after {(time.monotonic() - began) * 1000:.0f} ms")
        assert codes == [4504, 4504]
        async with client(pair[1], token=token) as again:
            assert (await again.farewell())[1] == 4504


async def test_an_upcoming_reservation_is_announced_once(pair) -> None:
    """Time brings ten reservations inside the lead; each socket hears of each once, and the log has
    each once.
    """
    async with desks(pair) as two, client(pair[0]) as here, client(pair[1]) as there:
        start = datetime.now(UTC) + timedelta(minutes=60, seconds=4)
        for one in (here, there):
            await one.subscribe("restaurant_notifications")
        booked = {(await two[number % 2].book(start))["id"] for number in range(10)}

        async def announced(one: Client) -> list[str]:
            return [
                (await one.until(lambda body: body.get("type") == "upcoming_reservation"))[
                    "reservation"
                ]["id"]
                for _ in booked
            ]

        assert [sorted(ids) for ids in (await announced(here), await announced(there))] == [
            sorted(booked)
        ] * 2
    log = await asyncio.to_thread(pair[0].read_log, "restaurant_notifications")
    assert sorted(
        event["reservation"]["id"] for event in log if event["reservation"]["id"] in booked
    ) == sorted(booked)


async def test_the_last_room_is_sold_once(pair) -> None:
    """Both processes sell the same night as fast as they can: exactly its rooms are sold."""
    night = date.today() + timedelta(days=200)  # noqa: DTZ011
    body = {
        "customerName": "B",
        "guests": 1,
        "source": "Phone",
        "roomType": "double",
        "checkIn": night.isoformat(),
    }
    body["checkOut"] = (night + timedelta(days=1)).isoformat()
    async with desks(pair) as two:
        types = (
            await two[0].http.get(pair[0].url + "/api/hotel/room-types", headers=_bearer(pair[0]))
        ).json()["roomTypes"]
        total = next(one["totalRooms"] for one in types if one["id"] == "double")
        answers = await asyncio.gather(
            *(two[number % 2].post("/api/hotel/bookings", body) for number in range(total + 20))
        )
    assert sorted(answer.status_code for answer in answers) == [201] * total + [409] * 20


def _bearer(server: ServerProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token('desk')}"}
