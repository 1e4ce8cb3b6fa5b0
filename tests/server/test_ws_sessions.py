"""Sessions: what they restore, whose they are, how long they last, and what counts as received. On
both lanes.
"""

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from rtdash.protocol.channels import Channel, Stream
from tests.server.raw_client import RawClient
from tests.server.sockets import GRILL, HOTEL, Client, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

RESERVATIONS = "restaurant_reservations"


@pytest.mark.parametrize("way", ["message", "query"])
async def test_a_session_brings_back_subscriptions_and_what_was_missed(
    edge: Server, way: str
) -> None:
    """resume, or ?session= at connecting: one answer a venue, and everything after the position
    that the answers named last.
    """
    async with edge.client() as client:
        answer = await client.subscribe(
            RESERVATIONS, "restaurant_stats", "hotel_reservations", id=1
        )
        session, since = answer["session"], answer["positions"][RESERVATIONS]["seq"]
    await edge.book(4)
    async with edge.client(session=session if way == "query" else None) as client:
        if way == "message":
            await client.send({"action": "resume", "session": session, "id": "r"})
        answers = [await client.receive() for _ in range(2)]
        assert [one["status"] for one in answers] == ["resumed", "resumed"]
        assert {one["venue"]: set(one["channels"]) for one in answers} == {
            GRILL: {RESERVATIONS, "restaurant_stats"},
            HOTEL: {"hotel_reservations"},
        }
        assert list(answers[0])[:7] == [
            "status",
            "venue",
            "channels",
            "venues",
            "session",
            "positions",
            "recovered",
        ]
        assert all(one["session"] == session and all(one["recovered"].values()) for one in answers)
        assert (await client.receive())["type"] == "stats_update"
        assert await client.events(4) == list(range(since + 1, since + 5))


async def test_positions_of_the_client_go_before_the_confirmed_ones(edge: Server) -> None:
    """A resume with positions starts from those."""
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS)
        session, position = answer["session"], answer["positions"][RESERVATIONS]
        await edge.book(3)
        await client.events(3)
    async with edge.client() as client:
        own = {GRILL: {RESERVATIONS: position | {"seq": position["seq"] + 2}}}
        resumed = await client.ask(action="resume", session=session, positions=own)
        assert resumed["positions"][RESERVATIONS]["seq"] == position["seq"] + 2
        assert await client.events(1) == [position["seq"] + 3]


async def test_resuming_closes_the_older_connection(edge: Server) -> None:
    """A session has one connection: the older one is closed with 4505, which means not to come
    back.
    """
    async with edge.client() as older, edge.client() as newer:
        session = (await older.subscribe(RESERVATIONS))["session"]
        assert (await newer.ask(action="resume", session=session))["status"] == "resumed"
        said, code = await older.farewell()
        assert code == 4505
        assert said is not None
        assert said["reconnect"] is False
        await edge.book()
        assert len(await newer.events(1)) == 1


async def test_a_session_is_its_users(edge: Server) -> None:
    """Another user's, an unknown one and an empty one are session_unknown."""
    async with edge.client() as client:
        session = (await client.subscribe(RESERVATIONS))["session"]
    async with edge.client(token=edge.token("bob")) as client:
        assert (await client.ask(action="resume", session=session, id=4))[
            "code"
        ] == "session_unknown"
        assert (await client.ask(action="resume", session="nonsense"))["code"] == "session_unknown"
    async with connect(edge.url(token=edge.token(), session="nonsense"), proxy=None) as websocket:
        refused = await Client(websocket).receive()
        assert (refused["code"], refused["action"]) == ("session_unknown", "resume")


async def test_rights_are_checked_again(edge: Server) -> None:
    """What the new token doesn't allow ends with an error; the rest is resumed."""
    async with edge.client() as client:
        session = (await client.subscribe(RESERVATIONS, "hotel_reservations"))["session"]
    async with edge.client(token=edge.token(scopes=("restaurant:read",))) as client:
        resumed = await client.ask(action="resume", session=session)
        assert (resumed["venue"], resumed["channels"]) == (GRILL, [RESERVATIONS])
        ended = await client.until(lambda body: body.get("status") == "error")
        assert (ended["code"], ended["channels"]) == ("forbidden", ["hotel_reservations"])


async def test_an_unsubscribed_channel_stays_unsubscribed(edge: Server) -> None:
    """A session keeps what was followed last, not what was followed once."""
    async with edge.client() as client:
        session = (await client.subscribe(RESERVATIONS, "hotel_reservations"))["session"]
        await client.ask(action="unsubscribe", channels=["hotel_reservations"])
    async with edge.client() as client:
        assert (await client.ask(action="resume", session=session))["channels"] == [RESERVATIONS]


async def test_a_session_outlives_the_process(tmp_path: Path, lane: str) -> None:
    """Another process on the same store knows the session, its positions, and all that was
    missed.
    """
    with serving(tmp_path, lane) as server:
        async with server.client() as client:
            answer = await client.subscribe(RESERVATIONS)
            await server.book(2)
            await client.events(2)
    with serving(tmp_path, lane) as server:
        server.skip_numbers(100)
        await server.book(2)
        async with server.client(session=answer["session"]) as client:
            resumed = await client.receive()
            since = resumed["positions"][RESERVATIONS]["seq"]
            assert resumed["recovered"] == {RESERVATIONS: True}
            assert await client.events(4 - since) == list(range(since + 1, 5))


async def test_a_session_ends_after_its_time(tmp_path: Path, lane: str) -> None:
    """session_ttl after its connection has ended it is unknown."""
    with serving(tmp_path, lane, session_ttl_s=0.2) as server:
        async with server.client() as client:
            session = (await client.subscribe(RESERVATIONS))["session"]
        connection_manager = server.services.connection_manager
        await server.until(
            lambda: (
                not connection_manager.connections and not connection_manager.sessions.writer._ended
            )
        )
        await asyncio.sleep(0.5)
        async with server.client() as client:
            assert (await client.ask(action="resume", session=session))["code"] == "session_unknown"


async def test_what_a_pong_confirms_is_not_sent_again(tmp_path: Path) -> None:
    """With nothing but the session, a client gets what came after the last ping that it
    answered.
    """
    with serving(tmp_path, "fast", ping_interval_s=0.2) as server:
        async with server.client() as client:
            session = (await client.subscribe(RESERVATIONS))["session"]
            await server.book(3)
            await client.events(3)
            confirmed = Stream(GRILL, Channel.RESTAURANT_RESERVATIONS)
            holder = server.services.connection_manager.sessions.holder(session)
            assert holder is not None
            await server.until(lambda: holder.action_handler.session.confirmed[confirmed].seq == 3)
        async with server.client(session=session) as client:
            resumed = await client.receive()
            assert resumed["positions"][RESERVATIONS]["seq"] == 3
            assert json.dumps(resumed["recovered"]) == '{"restaurant_reservations": true}'


async def test_what_was_never_confirmed_comes_again(edge: Server) -> None:
    """Without a pong nothing is taken for arrived: repeats are possible, losses are not."""
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS)
        since = answer["positions"][RESERVATIONS]["seq"]
        await edge.book(2)
        await client.events(2)
        client.websocket.transport.abort()
    async with edge.client(session=answer["session"]) as client:
        assert await client.events(2) == [since + 1, since + 2]


@pytest.mark.parametrize("answer", ["fin", "crossing close", "nothing"])
async def test_only_an_answer_to_the_close_confirms(tmp_path: Path, lane: str, answer: str) -> None:
    """A server that closes while its peer is behind takes nothing for arrived, unless the peer
    answers that very Close.
    """
    with serving(tmp_path, lane, drain_window_s=0) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.say(action="subscribe", channels=[RESERVATIONS])
            session = (await client.message())["session"]
            await server.book(3)
            await server.settle()
            drain = asyncio.ensure_future(server.call(server.services.connection_manager.drain))
            await client.end()
            if answer == "fin":
                client.writer.write_eof()
            elif answer == "crossing close":
                client.writer.write(b"\x88\x82" + bytes(4) + (1001).to_bytes(2, "big"))
            await drain
    with serving(tmp_path, lane) as server:
        async with server.client(session=session) as client:
            assert (await client.receive())["positions"][RESERVATIONS]["seq"] == 0
            assert await client.events(3) == [1, 2, 3]


async def test_a_session_that_follows_nothing_is_answered(edge: Server) -> None:
    """A resume always has an answer, also when everything was unsubscribed."""
    async with edge.client() as client:
        session = (await client.subscribe(RESERVATIONS))["session"]
        await client.ask(action="unsubscribe", channels=[RESERVATIONS])
    async with edge.client() as client:
        resumed = await client.ask(action="resume", session=session)
        assert (resumed["status"], resumed["venue"], resumed["channels"], resumed["session"]) == (
            "resumed",
            None,
            [],
            session,
        )


async def test_a_connection_has_one_session(edge: Server) -> None:
    """A client that resumes another session on a connection that had one already follows both,
    under the resumed one; the other waits.
    """
    async with edge.client() as client:
        resumable = (await client.subscribe(RESERVATIONS))["session"]
    async with edge.client() as client:
        left = (await client.subscribe("hotel_reservations"))["session"]
        assert (await client.ask(action="resume", session=resumable))["session"] == resumable
        assert (await client.subscribe("hotel_reservations"))["session"] == resumable
        assert edge.services.connection_manager.sessions.holder(left) is None
        await edge.book()
        assert len(await client.events(1)) == 1
    async with edge.client() as client:
        resumed = await client.ask(action="resume", session=resumable)
        assert {*resumed["channels"], *(await client.receive())["channels"]} == {
            RESERVATIONS,
            "hotel_reservations",
        }
