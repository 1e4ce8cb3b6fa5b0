"""Getting in, subscribing, and what comes then: on both lanes."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.server.sockets import GRILL, HOTEL, Client, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio


async def test_the_documents_subscribe_is_acknowledged(edge: Server) -> None:
    """The requirements' subscribe gets their acknowledgement, field for field, with ours beside it, then the current state."""
    channels = ["hotel_stats", "hotel_reservations", "hotel_notifications"]
    async with edge.client() as client:
        answer = await client.ask(action="subscribe", channels=channels)
        assert list(answer) == ["status", "channels", "venues", "session", "positions", "recovered"]
        assert (answer["status"], answer["channels"]) == ("subscribed", channels)
        assert answer["venues"] == dict.fromkeys(channels, HOTEL)
        assert list(answer["positions"]) == ["hotel_reservations", "hotel_notifications"]
        assert answer["recovered"] == {}
        assert [(await client.receive())["type"] for _ in range(2)] == ["stats_update", "room_availability_update"]


async def test_a_booking_reaches_its_subscribers_in_order(edge: Server) -> None:
    """Every event of a followed channel comes, once, from just behind the position in the answer."""
    async with edge.client() as client:
        head = (await client.subscribe("restaurant_reservations"))["positions"]["restaurant_reservations"]["seq"]
        await edge.book(3)
        await edge.book(2)
        messages = [await client.receive() for _ in range(5)]
        assert [message["seq"] for message in messages] == list(range(head + 1, head + 6))
        assert {message["type"] for message in messages} == {"new_reservation"}
        assert {(message["channel"], message["venue"]) for message in messages} == {("restaurant_reservations", GRILL)}


async def test_a_booking_changes_the_figures(edge: Server) -> None:
    """A state channel sends what has become of the figures, without being asked again."""
    async with edge.client() as client:
        await client.subscribe("hotel_stats")
        before = await client.until(lambda body: body["type"] == "stats_update")
        assert set(before["stats"]) >= {"reservationsToday", "pendingPayments", "guestsTrend"}
        assert (before["channel"], before["venue"]) == ("hotel_stats", HOTEL)


async def test_only_what_is_followed_comes(edge: Server) -> None:
    """Events of another channel or venue don't come, and none after an unsubscribe."""
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations", "hotel_reservations")
        answer = await client.ask(action="unsubscribe", channels=["restaurant_reservations"], id=9)
        assert answer == {"status": "unsubscribed", "channels": ["restaurant_reservations"], "id": 9}
        await edge.book()
        assert (await client.ask(action="ping"))["status"] == "pong"


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


@pytest.mark.parametrize("way", ["query", "header", "subprotocol"])
async def test_a_token_comes_three_ways(edge: Server, way: str) -> None:
    """In the URL, in the Authorization header, as a subprotocol (and then rtdash.v1 is the one chosen)."""
    token = edge.token()
    options: dict[str, Any] = {
        "query": {},
        "header": {"additional_headers": {"Authorization": f"Bearer {token}"}},
        "subprotocol": {"subprotocols": [Subprotocol("rtdash.v1"), Subprotocol(f"bearer.{token}")]},
    }[way]
    url = edge.url(token=token) if way == "query" else edge.url()
    async with connect(url, proxy=None, **options) as websocket:
        assert websocket.subprotocol == ("rtdash.v1" if way == "subprotocol" else None)
        assert (await Client(websocket).ask(action="ping"))["status"] == "pong"


@pytest.mark.parametrize(
    ("token", "code"),
    [({"ttl_s": -5}, 4005), (None, 4500), ("nonsense", 4500), ("", 4500)],
)
async def test_who_isnt_let_in_hears_why(edge: Server, token: Any, code: int) -> None:
    """Refusals for identity are accepted, explained by `disconnect`, and closed with their code."""
    given = edge.token(**token) if isinstance(token, dict) else token
    async with connect(edge.url(**({} if given is None else {"token": given})), proxy=None) as websocket:
        said, closed = await Client(websocket).farewell()
    assert closed == code
    assert said is not None
    assert (said["code"], said["reconnect"]) == (code, code < 4500)
    assert given is None or not given or given not in json.dumps(said)


@pytest.mark.parametrize(
    ("scopes", "venues", "asked", "forbidden"),
    [
        (("hotel:read",), ("*",), {"channels": ["hotel_stats", "restaurant_stats"]}, ["restaurant_stats"]),
        (("hotel:read", "restaurant:read"), (HOTEL,), {"channels": ["restaurant_stats"]}, ["restaurant_stats"]),
        (("hotel:read",), (GRILL,), {"channels": ["hotel_stats"], "venue": HOTEL}, ["hotel_stats"]),
        (("hotel:read",), ("*",), {"channels": ["hotel_stats"], "venue": "nowhere"}, ["hotel_stats"]),
        ((), ("*",), {"channels": ["hotel_stats"]}, ["hotel_stats"]),
    ],
)
async def test_one_forbidden_channel_refuses_all(
    edge: Server, scopes: Any, venues: Any, asked: dict[str, Any], forbidden: list[str]
) -> None:
    """All or nothing: a channel that the token doesn't allow refuses the subscribe, which then changes nothing."""
    async with edge.client(token=edge.token(scopes=scopes, venues=venues)) as client:
        refused = await client.ask(action="subscribe", id=1, **asked)
        assert (refused["status"], refused["code"], refused["channels"], refused["id"]) == ("error", "forbidden", forbidden, 1)
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_the_venue_is_the_tokens_first_of_the_kind(edge: Server) -> None:
    """Without `venue` each channel means the token's first venue of its kind; with it, that one, for its own kind."""
    async with edge.client(token=edge.token(venues=(GRILL, HOTEL))) as client:
        answer = await client.subscribe("hotel_stats", "restaurant_stats", venue=GRILL)
        assert answer["venues"] == {"hotel_stats": HOTEL, "restaurant_stats": GRILL}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_json"),
        ('{"action":"dance"}', "unknown_action"),
        ('{"action":"subscribe","channels":["x"]}', "unknown_channel"),
        (b"\x00", "bad_request"),
    ],
)
async def test_what_is_wrong_is_refused_and_the_connection_stays(edge: Server, frame: Any, code: str) -> None:
    """A bad message gets an error; the next one is served."""
    async with edge.client() as client:
        await client.send(frame)
        assert (await client.receive())["code"] == code
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_batches_hold_what_came_within_the_window(edge: Server) -> None:
    """A connection that asked for batches gets events together, in order, and answers by themselves."""
    async with edge.client() as client:
        head = (await client.subscribe("restaurant_reservations", batch=100))["positions"]["restaurant_reservations"]["seq"]
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
        assert [(await client.receive()).get("type", "answer") for _ in range(2)] == ["batch", "answer"]


async def test_a_foreign_page_is_refused(tmp_path: Path, lane: str) -> None:
    """Origins: the server's own and the allowed ones pass, others are HTTP 403, and programs have none."""
    with serving(tmp_path, lane, settings={"allowed_origins": "https://dash.example.com"}) as server:
        own = f"http://127.0.0.1:{server.port}"
        for origin in (own, "https://dash.example.com", "https://DASH.example.com:443", None):
            async with connect(server.url(token=server.token()), proxy=None, origin=origin) as websocket:
                assert (await Client(websocket).ask(action="ping"))["status"] == "pong"
        for origin in ("https://evil.example.com", "http://dash.example.com", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url(token=server.token()), proxy=None, origin=origin)
            assert refused.value.response.status_code == 403


async def test_a_new_token_of_the_same_user_goes_on(edge: Server) -> None:
    """authenticate: the same user's token is taken, another user's is forbidden, a bad one unauthenticated."""
    async with edge.client() as client:
        taken = await client.ask(action="authenticate", token=edge.token(ttl_s=7200), id=1)
        assert (taken["status"], taken["id"]) == ("authenticated", 1)
        assert taken["expiresAt"].endswith("Z")
        assert (await client.ask(action="authenticate", token=edge.token("bob")))["code"] == "forbidden"
        assert (await client.ask(action="authenticate", token="nonsense"))["code"] == "unauthenticated"


async def test_a_narrower_token_ends_what_it_doesnt_allow(edge: Server) -> None:
    """After authenticate, subscriptions that the token doesn't allow end with an error each; the others go on."""
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations", "hotel_reservations")
        taken = await client.ask(action="authenticate", token=edge.token(scopes=("restaurant:read",)))
        assert taken["status"] == "authenticated"
        ended = await client.receive()
        assert (ended["code"], ended["channels"], ended["action"]) == ("forbidden", ["hotel_reservations"], "authenticate")
        await edge.book()
        assert len(await client.events(1)) == 1


async def test_an_unsubscribe_of_what_a_token_has_ended_holds(edge: Server) -> None:
    """It changes nothing on the connection, and is stored all the same: a resume with a token for everything doesn't bring it back."""
    async with edge.client() as client:
        session = (await client.subscribe("restaurant_reservations", "hotel_reservations"))["session"]
        await client.ask(action="authenticate", token=edge.token(scopes=("restaurant:read",)))
        await client.receive()
        await client.ask(action="authenticate", token=edge.token())
        assert (await client.ask(action="unsubscribe", channels=["hotel_reservations"]))["status"] == "unsubscribed"
    async with edge.client() as client:
        resumed = await client.ask(action="resume", session=session)
        assert resumed["channels"] == ["restaurant_reservations"]
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_a_token_that_allows_nothing_ends_the_connection(edge: Server) -> None:
    """After authenticate with a token without any read scope every subscription ends, and then the connection: 4501."""
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations")
        taken = await client.ask(action="authenticate", token=edge.token(scopes=("hotel:write",)))
        assert taken["status"] == "authenticated"
        assert (await client.receive())["channels"] == ["restaurant_reservations"]
        said, code = await client.farewell()
        assert (code, said and said["reconnect"]) == (4501, False)


async def test_no_token_is_logged(edge: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a handshake that is taken nor one that is refused leaves its token in the log."""
    is_fast = edge.parts.settings.lane == "fast"
    caplog.set_level("DEBUG" if is_fast else "INFO", logger="uvicorn")  # in the plain lane the debug log is the server's own
    caplog.set_level("DEBUG", logger="rtdash")
    good, bad = edge.token(), edge.token() + "x"
    for token in (good, bad):
        async with edge.client(token=token) as client:
            with suppress(ConnectionClosed):
                await client.send({"action": "authenticate", "token": token})
            await client.websocket.close()
    assert "opened" in caplog.text
    assert good not in caplog.text
