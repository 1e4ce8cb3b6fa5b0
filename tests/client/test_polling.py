"""Polling over REST while no socket can be had."""

import asyncio
from dataclasses import replace

import pytest

from rtdash.client import ConnectionChange, NotAllowed, State, connect
from rtdash.protocol.channels import Position

pytestmark = pytest.mark.anyio

EVENTS = "/api/channels/hotel_reservations/events"
NO_SOCKET = (502, {}, {"title": "no sockets through here"})
STREAM = ("harbour-hotel", "hotel_reservations")
PROFILE = {
    "id": "ann",
    "scopes": ["hotel:read", "restaurant:read"],
    "venues": [
        {"id": "harbour-grill", "kind": "restaurant"},
        {"id": "harbour-hotel", "kind": "hotel"},
    ],
}


def serve_log(server, events):
    """Answer as a server whose stream holds `events` does."""

    def answer(query):
        assert query["venue"] == "harbour-hotel"
        head = {"epoch": "e1", "seq": len(events)}
        if "after" not in query:
            return 200, {}, {"events": [], "position": head, "recovered": None}
        if query["epoch"] != "e1":
            reset = {
                "type": "reset",
                "channel": "hotel_reservations",
                "venue": "harbour-hotel",
                "position": head,
                "reason": "epoch",
            }
            return 200, {}, {"events": [], "position": head, "recovered": False, "reset": reset}
        after = int(query["after"])
        page = events[after : after + int(query["limit"])]
        return (
            200,
            {},
            {
                "events": page,
                "position": {"epoch": "e1", "seq": after + len(page)},
                "recovered": True,
            },
        )

    server.answers[EVENTS] = answer
    server.answers["/api/user/profile"] = lambda _: (200, {}, PROFILE)


def seqs(items):
    return [item["seq"] for item in items if isinstance(item, dict)]


async def test_polls_after_repeated_failures_and_returns(server, until, event, fast):
    """Events missed come over REST from the same position, and the socket goes on behind them: each
    once.
    """
    log = [event(1), event(2)]

    async def first(peer):
        await peer.subscribed()
        await peer.say(event(1))
        server.refusals = [NO_SOCKET] * 8
        peer.socket.transport.abort()

    async def back(peer):
        request = await peer.subscribed(seq=2, recovered=True)
        assert request["positions"]["harbour-hotel"]["hotel_reservations"]["seq"] == 2
        await peer.say(event(3))
        await asyncio.sleep(10 * fast.upcoming_every_s)
        await peer.say(event(4))
        await peer.stay()

    serve_log(server, log)
    server.scripts = [first, back]
    async with connect(server.url, ["hotel_reservations"], token="t", timing=fast) as live:
        items = await until(live, messages=3)
        polled = len(server.requests)
        await until(live, messages=1)
    assert seqs(items) == [1, 2, 3]
    assert len(server.requests) <= polled + 1, (
        "polling has ended, but for a request that was under way"
    )
    polling = [
        item for item in items if isinstance(item, ConnectionChange) and item.state is State.POLLING
    ]
    assert "no sockets through here" in polling[0].detail
    assert items.index(polling[0]) < items.index(event(3))


async def test_polling_begins_at_the_head(server, until, event, fast):
    """Without a position and without a socket ever, events begin with those after the first
    look.
    """
    log = [event(1), event(2)]
    serve_log(server, log)
    server.refusals = [NO_SOCKET] * 1000
    async with connect(
        server.url, ["hotel_reservations"], token="t", first_timeout_s=5, timing=fast
    ) as live:
        await until(live, state=State.POLLING)
        log.append(event(3))
        assert seqs(await until(live, messages=1)) == [3]
        assert live.positions == {STREAM: Position("e1", 3)}


async def test_polling_reads_page_by_page(server, until, event, fast):
    """However much was missed, all of it comes in one round, in order."""
    timing = replace(fast, upcoming_every_s=60)
    log = [event(seq) for seq in range(1, 1201)]
    serve_log(server, log)
    server.refusals = [NO_SOCKET] * 1000
    async with connect(
        server.url,
        ["hotel_reservations"],
        token="t",
        positions={STREAM: Position("e1", 0)},
        timing=timing,
    ) as live:
        assert seqs(await until(live, messages=1200)) == list(range(1, 1201))


async def test_polling_hands_resets_on(server, until, event, fast):
    """A position of another epoch can't be followed over REST either."""
    log = [event(1), event(2)]
    serve_log(server, log)
    server.refusals = [NO_SOCKET] * 1000
    async with connect(
        server.url,
        ["hotel_reservations"],
        token="t",
        positions={STREAM: Position("old", 40)},
        timing=fast,
    ) as live:
        items = await until(live, messages=1)
        assert items[-1]["type"] == "reset"
        log.append(event(3))
        assert (await until(live, messages=1))[-1] == event(3)


async def test_polls_figures_rooms_and_what_comes_up(server, until, fast):
    """Statistics become `stats_update`, rooms come as on the socket, upcoming reservations as a
    list; repeated only when they change.
    """
    stats = {"timestamp": "2026-01-02T03:04:05.678Z", "stats": {"reservationsToday": 1}}
    rooms = {
        "type": "room_availability_update",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "availability": {},
    }
    rooms |= {"channel": "hotel_stats", "venue": "harbour-hotel"}
    server.answers |= {
        "/api/user/profile": lambda _: (200, {}, PROFILE),
        "/api/dashboard/stats": lambda _: (200, {}, stats),
        "/api/channels/hotel_stats/events": lambda _: (
            200,
            {},
            {"events": [{"type": "stats_update"}, rooms], "position": None},
        ),
        "/api/channels/hotel_notifications/events": lambda _: (
            200,
            {},
            {"events": [], "position": {"epoch": "e1", "seq": 0}},
        ),
        "/api/reservations/upcoming": lambda _: (
            200,
            {},
            {"reservations": [{"id": "r1"}], "next": None},
        ),
    }
    server.refusals = [NO_SOCKET] * 1000
    async with connect(
        server.url, ["hotel_stats", "hotel_notifications"], token="t", timing=fast
    ) as live:
        messages = [item for item in await until(live, messages=3) if isinstance(item, dict)]
        stats["stats"] = {"reservationsToday": 2}
        changed = (await until(live, messages=1))[-1]
    assert [message["type"] for message in messages] == [
        "stats_update",
        "room_availability_update",
        "upcoming_reservations",
    ]
    assert messages[0] == {
        "type": "stats_update",
        **stats,
        "stats": {"reservationsToday": 1},
        "channel": "hotel_stats",
        "venue": "harbour-hotel",
    }
    assert messages[2]["reservations"] == [{"id": "r1"}]
    assert changed["stats"] == {"reservationsToday": 2}


async def test_never_polls_while_nothing_answers(until, fast):
    """When REST fails too, the state is `connecting`, with the reason."""
    async with connect(
        "http://127.0.0.1:9", ["hotel_reservations"], token="t", timing=fast
    ) as live:
        items = []
        async with asyncio.timeout(30):
            async for item in live:
                items.append(item)
                if "can't reach" in (item.detail or ""):
                    break
    assert {item.state for item in items} == {State.CONNECTING}


async def test_refusal_over_rest_is_final(server, until, fast):
    """A token that REST doesn't let in ends the client, as on the socket."""
    server.answers["/api/user/profile"] = lambda _: (401, {}, {"title": "the token has expired"})
    server.refusals = [NO_SOCKET] * 1000
    async with connect(server.url, ["hotel_reservations"], token="t", timing=fast) as live:
        with pytest.raises(NotAllowed, match="the token has expired"):
            await until(live, messages=1)
