"""Subscribing, and what comes then; batches; allowed origins. On both lanes."""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.sockets import GRILL, HOTEL, Client, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio


async def test_the_documents_subscribe_is_acknowledged(edge: Server) -> None:
    """The requirements' subscribe gets their acknowledgement, field for field, with ours beside it,
    then the current state.
    """
    channels = ["hotel_stats", "hotel_reservations", "hotel_notifications"]
    async with edge.client() as client:
        answer = await client.ask(action="subscribe", channels=channels)
        assert list(answer) == ["status", "channels", "venues", "session", "positions", "recovered"]
        assert (answer["status"], answer["channels"]) == ("subscribed", channels)
        assert answer["venues"] == dict.fromkeys(channels, HOTEL)
        assert list(answer["positions"]) == ["hotel_reservations", "hotel_notifications"]
        assert answer["recovered"] == {}
        assert [(await client.receive())["type"] for _ in range(2)] == [
            "stats_update",
            "room_availability_update",
        ]


async def test_an_unsubscribe_waits_for_no_store_that_hangs(edge: Server) -> None:
    """The unsubscribe is answered while nothing can be written, and the session is written
    afterwards.
    """
    release = Event()
    async with edge.client() as client:
        session = (await client.subscribe("hotel_stats", "restaurant_stats"))["session"]
        database = edge.services.database
        held = asyncio.run_coroutine_threadsafe(
            database.write(lambda _: release.wait(60)), edge.loop
        )
        try:
            answer = await client.ask(action="unsubscribe", channels=["restaurant_stats"])
            assert not held.done()
        finally:
            release.set()
        assert answer["status"] == "unsubscribed"
        await asyncio.wrap_future(held)
        await client.ask(action="subscribe", channels=["hotel_stats"])
    async with edge.client(session=session) as client:
        assert (await client.receive())["channels"] == ["hotel_stats"]


async def test_a_booking_reaches_its_subscribers_in_order(edge: Server) -> None:
    """Every event of a followed channel comes, once, from just behind the position in the
    answer.
    """
    async with edge.client() as client:
        head = (await client.subscribe("restaurant_reservations"))["positions"][
            "restaurant_reservations"
        ]["seq"]
        await edge.book(3)
        await edge.book(2)
        messages = [await client.receive() for _ in range(5)]
        assert [message["seq"] for message in messages] == list(range(head + 1, head + 6))
        assert {message["type"] for message in messages} == {"new_reservation"}
        assert {(message["channel"], message["venue"]) for message in messages} == {
            ("restaurant_reservations", GRILL)
        }


async def test_a_booking_changes_the_figures(edge: Server) -> None:
    """A state channel sends what has become of the figures, without being asked again."""
    async with edge.client() as client:
        await client.subscribe("hotel_stats")
        before = await client.until(lambda body: body["type"] == "stats_update")
        assert set(before["stats"]) >= {"reservationsToday", "pendingPayments", "guestsTrend"}
        assert (before["channel"], before["venue"]) == ("hotel_stats", HOTEL)
        await edge.arrive_today()
        after = await client.until(lambda body: body["type"] == "stats_update")
        number = before["stats"]["reservationsToday"]
        assert after["stats"]["reservationsToday"] == number + 1


async def test_only_what_is_followed_comes(edge: Server) -> None:
    """Events of another channel or venue don't come, and none after an unsubscribe."""
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations", "hotel_reservations")
        answer = await client.ask(action="unsubscribe", channels=["restaurant_reservations"], id=9)
        assert answer == {
            "status": "unsubscribed",
            "channels": ["restaurant_reservations"],
            "id": 9,
        }
        await edge.book()
        await edge.settle()
        await client.send({"action": "ping"})
        assert (await client.receive())["status"] == "pong"  # the very next message


async def test_subscribing_twice_is_answered_alike_and_changes_nothing(edge: Server) -> None:
    """The second answer says the same, and each event still comes once."""
    async with edge.client() as client:
        first = await client.subscribe("restaurant_reservations")
        assert await client.subscribe("restaurant_reservations") == first
        await edge.book(2)
        head = first["positions"]["restaurant_reservations"]["seq"]
        assert await client.events(2) == [head + 1, head + 2]
        await client.send({"action": "ping"})
        assert (await client.receive())["status"] == "pong"


async def test_a_ping_is_answered(edge: Server) -> None:
    """`ping` gets `pong` with the time, and the id."""
    async with edge.client() as client:
        answer = await client.ask(action="ping", id="x")
        assert list(answer) == ["status", "timestamp", "id"]
        assert (answer["status"], answer["id"]) == ("pong", "x")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_json"),
        ('{"action":"dance"}', "unknown_action"),
        ('{"action":"subscribe","channels":["x"]}', "unknown_channel"),
        (b"\x00", "bad_request"),
    ],
)
async def test_what_is_wrong_is_refused_and_the_connection_stays(
    edge: Server, frame: Any, code: str
) -> None:
    """A bad message gets an error; the next one is served."""
    async with edge.client() as client:
        await client.send(frame)
        assert (await client.receive())["code"] == code
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_batches_hold_what_came_within_the_window(edge: Server) -> None:
    """A connection that asked for batches gets events together, in order, and answers by
    themselves.
    """
    async with edge.client() as client:
        head = (await client.subscribe("restaurant_reservations", batch=100))["positions"][
            "restaurant_reservations"
        ]["seq"]
        await edge.book(3)
        await edge.book(2)
        seen: list[int] = []
        while len(seen) < 5:
            body = await client.receive()
            assert body["type"] == "batch"
            seen += [message["seq"] for message in body["messages"]]
        assert seen == list(range(head + 1, head + 6))


async def test_an_answer_never_overtakes_a_batch(edge: Server) -> None:
    """What waits for its window goes out before an answer does."""
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations", batch=1000)
        await edge.book()
        await edge.settle()
        await client.send({"action": "ping"})
        assert [(await client.receive()).get("type", "answer") for _ in range(2)] == [
            "batch",
            "answer",
        ]


async def test_a_foreign_page_is_refused(tmp_path: Path, lane: str) -> None:
    """Origins: the server's own and the allowed ones pass, others are HTTP 403, and programs have
    none.
    """
    with serving(
        tmp_path, lane, settings={"allowed_origins": "https://dash.example.com"}
    ) as server:
        own = f"http://127.0.0.1:{server.port}"
        for origin in (own, "https://dash.example.com", "https://DASH.example.com:443", None):
            async with connect(
                server.url(token=server.token()), proxy=None, origin=origin
            ) as websocket:
                assert (await Client(websocket).ask(action="ping"))["status"] == "pong"
        for origin in ("https://evil.example.com", "http://dash.example.com", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url(token=server.token()), proxy=None, origin=origin)
            assert refused.value.response.status_code == 403
