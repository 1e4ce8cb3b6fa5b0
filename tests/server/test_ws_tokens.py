"""Tokens on the socket: how they come, what they allow, and what a newer one changes. On both
lanes.
"""

import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.server.sockets import GRILL, HOTEL, Client, Server, anyio_backend, edge, lane

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["query", "header", "subprotocol"])
async def test_a_token_comes_three_ways(edge: Server, way: str) -> None:
    """In the URL, in the Authorization header, as a subprotocol (and then rtdash.v1 is the one
    chosen).
    """
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


async def test_a_token_as_the_only_subprotocol_is_chosen(edge: Server) -> None:
    """A browser gives up where it offers subprotocols and none is chosen."""
    token = edge.token()
    only = [Subprotocol(f"bearer.{token}")]
    async with connect(edge.url(), proxy=None, subprotocols=only) as websocket:
        assert websocket.subprotocol == only[0]
        assert (await Client(websocket).ask(action="ping"))["status"] == "pong"


@pytest.mark.parametrize(
    ("token", "code"),
    [({"ttl_s": -5}, 4005), (None, 4500), ("nonsense", 4500), ("", 4500)],
)
async def test_who_isnt_let_in_hears_why(edge: Server, token: Any, code: int) -> None:
    """Refusals for identity are accepted, explained by `disconnect`, and closed with their code."""
    given = edge.token(**token) if isinstance(token, dict) else token
    async with connect(
        edge.url(**({} if given is None else {"token": given})), proxy=None
    ) as websocket:
        said, closed = await Client(websocket).farewell()
    assert closed == code
    assert said is not None
    assert (said["code"], said["reconnect"]) == (code, code < 4500)
    assert given is None or not given or given not in json.dumps(said)


@pytest.mark.parametrize("asked", [{}, {"venue": "ghost"}])
async def test_a_venue_of_the_token_that_is_absent_is_named(
    edge: Server, asked: dict[str, str]
) -> None:
    """`forbidden`, saying which one and how to mend it; so does the end of a connection that such a
    token is handed to.
    """
    async with connect(edge.url(token=edge.token(venues=["ghost"])), proxy=None) as websocket:
        client = Client(websocket)
        answer = await client.ask(action="subscribe", channels=["hotel_stats"], **asked)
        assert (answer["code"], answer["channels"]) == ("forbidden", ["hotel_stats"])
        assert "this server has no venue 'ghost'" in answer["message"]
        assert "rtdash venues import FILE" in answer["message"]
    async with connect(edge.url(token=edge.token()), proxy=None) as websocket:
        client = Client(websocket)
        await client.ask(action="authenticate", token=edge.token(venues=["ghost"]))
        said, closed = await client.farewell()
    assert closed == 4501
    assert "'ghost'" in said["reason"]


@pytest.mark.parametrize(
    ("scopes", "venues", "asked", "forbidden"),
    [
        (
            ("hotel:read",),
            ("*",),
            {"channels": ["hotel_stats", "restaurant_stats"]},
            ["restaurant_stats"],
        ),
        (
            ("hotel:read", "restaurant:read"),
            (HOTEL,),
            {"channels": ["restaurant_stats"]},
            ["restaurant_stats"],
        ),
        (("hotel:read",), (GRILL,), {"channels": ["hotel_stats"], "venue": HOTEL}, ["hotel_stats"]),
        (
            ("hotel:read",),
            ("*",),
            {"channels": ["hotel_stats"], "venue": "nowhere"},
            ["hotel_stats"],
        ),
        ((), ("*",), {"channels": ["hotel_stats"]}, ["hotel_stats"]),
    ],
)
async def test_one_forbidden_channel_refuses_all(
    edge: Server, scopes: Any, venues: Any, asked: dict[str, Any], forbidden: list[str]
) -> None:
    """All or nothing: a channel that the token doesn't allow refuses the subscribe, which then
    changes nothing.
    """
    async with edge.client(token=edge.token(scopes=scopes, venues=venues)) as client:
        refused = await client.ask(action="subscribe", id=1, **asked)
        assert (refused["status"], refused["code"], refused["channels"], refused["id"]) == (
            "error",
            "forbidden",
            forbidden,
            1,
        )
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_the_venue_is_the_tokens_first_of_the_kind(edge: Server) -> None:
    """Without `venue` each channel means the token's first venue of its kind; with it, that one,
    for its own kind.
    """
    async with edge.client(token=edge.token(venues=(GRILL, HOTEL))) as client:
        answer = await client.subscribe("hotel_stats", "restaurant_stats", venue=GRILL)
        assert answer["venues"] == {"hotel_stats": HOTEL, "restaurant_stats": GRILL}


async def test_a_new_token_of_the_same_user_goes_on(edge: Server) -> None:
    """authenticate: the same user's token is taken, another user's is forbidden, a bad one
    unauthenticated.
    """
    async with edge.client() as client:
        taken = await client.ask(action="authenticate", token=edge.token(ttl_s=7200), id=1)
        assert (taken["status"], taken["id"]) == ("authenticated", 1)
        assert taken["expiresAt"].endswith("Z")
        assert (await client.ask(action="authenticate", token=edge.token("bob")))[
            "code"
        ] == "forbidden"
        assert (await client.ask(action="authenticate", token="nonsense"))[
            "code"
        ] == "unauthenticated"


async def test_a_narrower_token_ends_what_it_doesnt_allow(edge: Server) -> None:
    """After authenticate, subscriptions that the token doesn't allow end with an error each; the
    others go on.
    """
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations", "hotel_reservations")
        taken = await client.ask(
            action="authenticate", token=edge.token(scopes=("restaurant:read",))
        )
        assert taken["status"] == "authenticated"
        ended = await client.receive()
        assert (ended["code"], ended["channels"], ended["action"]) == (
            "forbidden",
            ["hotel_reservations"],
            "authenticate",
        )
        await edge.book()
        assert len(await client.events(1)) == 1


async def test_an_unsubscribe_of_what_a_token_has_ended_holds(edge: Server) -> None:
    """The unsubscribe changes nothing on the connection, and is stored all the same: a resume with
    a token for everything doesn't bring it back.
    """
    async with edge.client() as client:
        session = (await client.subscribe("restaurant_reservations", "hotel_reservations"))[
            "session"
        ]
        await client.ask(action="authenticate", token=edge.token(scopes=("restaurant:read",)))
        await client.receive()
        await client.ask(action="authenticate", token=edge.token())
        assert (await client.ask(action="unsubscribe", channels=["hotel_reservations"]))[
            "status"
        ] == "unsubscribed"
    async with edge.client() as client:
        resumed = await client.ask(action="resume", session=session)
        assert resumed["channels"] == ["restaurant_reservations"]
        assert (await client.ask(action="ping"))["status"] == "pong"


async def test_a_token_that_allows_nothing_ends_the_connection(edge: Server) -> None:
    """After authenticate with a token without any read scope every subscription ends, and then the
    connection: 4501.
    """
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations")
        taken = await client.ask(action="authenticate", token=edge.token(scopes=("hotel:write",)))
        assert taken["status"] == "authenticated"
        assert (await client.receive())["channels"] == ["restaurant_reservations"]
        said, code = await client.farewell()
        assert (code, said and said["reconnect"]) == (4501, False)


async def test_no_token_is_logged(edge: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a handshake that is taken nor one that is refused leaves its token in the log."""
    is_fast = edge.services.settings.lane == "fast"
    caplog.set_level(
        "DEBUG" if is_fast else "INFO", logger="uvicorn"
    )  # in the plain lane the debug log is the server's own
    caplog.set_level("DEBUG", logger="rtdash")
    good, bad = edge.token(), edge.token() + "x"
    for token in (good, bad):
        async with edge.client(token=token) as client:
            with suppress(ConnectionClosed):
                await client.send({"action": "authenticate", "token": token})
            await client.websocket.close()
    assert "opened" in caplog.text
    assert good not in caplog.text
