"""Coming back: positions, sessions, resets. On both lanes."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from rtdash.protocol.channels import Channel, Stream
from rtdash.store import event_log
from tests.server.raw_client import RawClient
from tests.server.sockets import GRILL, HOTEL, Client, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

RESERVATIONS = "restaurant_reservations"


async def head(server: Server) -> dict[str, Any]:
    async with server.client() as client:
        position: dict[str, Any] = (await client.subscribe(RESERVATIONS))["positions"][RESERVATIONS]
        return position


async def test_a_position_brings_everything_after_it(edge: Server) -> None:
    """What was missed comes behind the answer, in order and without a gap, then what is live."""
    before = await head(edge)
    await edge.book(700)
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, positions={RESERVATIONS: before})
        assert answer["recovered"] == {RESERVATIONS: True}
        assert answer["positions"] == {RESERVATIONS: before}
        await edge.book(5)
        assert await client.events(705) == list(range(before["seq"] + 1, before["seq"] + 706))


async def test_being_at_the_head_is_always_recoverable(edge: Server) -> None:
    """Also before the first event of a stream."""
    async with edge.client() as client:
        first = await client.subscribe("hotel_notifications")
        again = await client.subscribe("hotel_notifications", positions=first["positions"])
        assert again["recovered"] == {"hotel_notifications": True}
        assert again["positions"] == first["positions"]


@pytest.mark.parametrize("wrong", [{"epoch": "another", "seq": 0}, {"seq": 10_000_000}])
async def test_a_position_that_cant_be_followed_resets(edge: Server, wrong: dict[str, Any]) -> None:
    """Recovered false, then a reset to the head, then live events from there: never a part of the history."""
    now = await head(edge)
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, positions={RESERVATIONS: now | wrong})
        assert answer["recovered"] == {RESERVATIONS: False}
        assert answer["positions"] == {RESERVATIONS: now}
        reset = await client.receive()
        assert list(reset) == ["type", "timestamp", "channel", "venue", "position", "reason"]
        assert (reset["type"], reset["channel"], reset["venue"], reset["position"]) == ("reset", RESERVATIONS, GRILL, now)
        await edge.book()
        assert await client.events(1) == [now["seq"] + 1]


async def test_pruned_history_resets(edge: Server) -> None:
    """A position before the oldest kept event can't be followed."""
    before = await head(edge)
    await edge.book(3)
    cutoff = edge.parts.clock() + timedelta(seconds=5)
    await edge.call(lambda: edge.parts.database.write(lambda connection: event_log.prune(connection, before=cutoff)))
    await asyncio.sleep(1.1)  # the relay believes a floor for a second
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, positions={RESERVATIONS: before})
        assert answer["recovered"] == {RESERVATIONS: False}
        assert (await client.receive())["type"] == "reset"


@pytest.mark.parametrize("way", ["message", "query"])
async def test_a_session_brings_back_subscriptions_and_what_was_missed(edge: Server, way: str) -> None:
    """resume, or ?session= at connecting: one answer a venue, and everything after the position that the answers named last."""
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, "restaurant_stats", "hotel_reservations", id=1)
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
        assert list(answers[0])[:7] == ["status", "venue", "channels", "venues", "session", "positions", "recovered"]
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
    """A session has one connection: the older one is closed with 4505 and told not to come back."""
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
        assert (await client.ask(action="resume", session=session, id=4))["code"] == "session_unknown"
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
    """Another process on the same store knows the session, its positions, and all that was missed."""
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
        await asyncio.sleep(1.5)
        async with server.client() as client:
            assert (await client.ask(action="resume", session=session))["code"] == "session_unknown"


async def test_what_a_pong_confirms_is_not_sent_again(tmp_path: Path) -> None:
    """With nothing but the session, a client gets what came after the last ping that it answered."""
    with serving(tmp_path, "fast", ping_interval_s=0.2) as server:
        async with server.client() as client:
            session = (await client.subscribe(RESERVATIONS))["session"]
            await server.book(3)
            await client.events(3)
            confirmed = Stream(GRILL, Channel.RESTAURANT_RESERVATIONS)
            holder = server.parts.gateway.sessions.holder(session)
            assert holder is not None
            await server.until(lambda: holder.conversation.session.confirmed[confirmed].seq == 3)
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
    """A server that closes while its peer is behind takes nothing for arrived, unless the peer answers that very Close."""
    with serving(tmp_path, lane, drain_window_s=0) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.say(action="subscribe", channels=[RESERVATIONS])
            session = (await client.message())["session"]
            await server.book(3)
            await server.settle()
            drain = asyncio.ensure_future(server.call(server.parts.gateway.drain))
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
        assert (resumed["status"], resumed["venue"], resumed["channels"], resumed["session"]) == ("resumed", None, [], session)


async def test_a_connection_has_one_session(edge: Server) -> None:
    """Who resumes another session on a connection that had one already follows both, under the resumed one; the other waits."""
    async with edge.client() as client:
        resumable = (await client.subscribe(RESERVATIONS))["session"]
    async with edge.client() as client:
        left = (await client.subscribe("hotel_reservations"))["session"]
        assert (await client.ask(action="resume", session=resumable))["session"] == resumable
        assert (await client.subscribe("hotel_reservations"))["session"] == resumable
        assert edge.parts.gateway.sessions.holder(left) is None
        await edge.book()
        assert len(await client.events(1)) == 1
    async with edge.client() as client:
        resumed = await client.ask(action="resume", session=resumable)
        assert {*resumed["channels"], *(await client.receive())["channels"]} == {RESERVATIONS, "hotel_reservations"}


async def test_a_replay_that_fails_is_overload(tmp_path: Path, lane: str) -> None:
    """When the log can't be read amid a replay: 4006, come back a little later; with the log back, nothing is missing."""
    with serving(tmp_path, lane) as server:
        await server.book(1500, name="x" * 8000)
    with serving(tmp_path, lane) as server:  # anew: what it published itself, it still has in memory
        position = await head(server) | {"seq": 0}
        async with RawClient.connect(server.url(token=server.token()), receive_buffer=4096) as client:
            client.say(action="subscribe", channels=[RESERVATIONS], positions={RESERVATIONS: position})
            session = (await client.message())["session"]
            await server.call(server.parts.database.close)  # more is still to come than the sockets hold: it waits for the client
            told = await client.end()
    seqs = [body["seq"] for body in told if "seq" in body]
    assert seqs == list(range(1, len(seqs) + 1))
    assert (told[-1]["type"], told[-1]["code"], told[-1]["reconnect"], told[-1]["retryAfterMs"]) == ("disconnect", 4006, True, 5000)
    assert client.protocol.close_rcvd is not None
    assert client.protocol.close_rcvd.code == 4006
    with serving(tmp_path, lane) as server:
        async with server.client(session=session) as back:
            assert await back.events(1500) == list(range(1, 1501))
