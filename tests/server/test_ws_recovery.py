"""Coming back with positions: history, resets, and a replay that fails. On both lanes."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rtdash.store import event_log
from tests.server.raw_client import RawClient
from tests.server.sockets import GRILL, Server, anyio_backend, edge, lane, serving

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
    """Recovered false, then a reset to the head, then live events from there: never a part of the
    history.
    """
    now = await head(edge)
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, positions={RESERVATIONS: now | wrong})
        assert answer["recovered"] == {RESERVATIONS: False}
        assert answer["positions"] == {RESERVATIONS: now}
        reset = await client.receive()
        assert list(reset) == ["type", "timestamp", "channel", "venue", "position", "reason"]
        assert (reset["type"], reset["channel"], reset["venue"], reset["position"]) == (
            "reset",
            RESERVATIONS,
            GRILL,
            now,
        )
        await edge.book()
        assert await client.events(1) == [now["seq"] + 1]


async def test_pruned_history_resets(edge: Server) -> None:
    """A position before the oldest kept event can't be followed."""
    before = await head(edge)
    await edge.book(3)
    cutoff = edge.services.clock() + timedelta(seconds=5)
    await edge.call(
        lambda: edge.services.database.write(
            lambda connection: event_log.prune(connection, before=cutoff)
        )
    )
    await asyncio.sleep(1.1)  # the relay believes a floor for a second
    async with edge.client() as client:
        answer = await client.subscribe(RESERVATIONS, positions={RESERVATIONS: before})
        assert answer["recovered"] == {RESERVATIONS: False}
        assert (await client.receive())["type"] == "reset"


async def test_a_replay_that_fails_is_overload(tmp_path: Path, lane: str) -> None:
    """When the log can't be read amid a replay: 4006, come back a little later; with the log back,
    nothing is missing.
    """
    with serving(tmp_path, lane) as server:
        await server.book(1500, name="x" * 8000)
    with serving(
        tmp_path, lane
    ) as server:  # anew: what it published itself, it still has in memory
        position = await head(server) | {"seq": 0}
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            client.say(
                action="subscribe", channels=[RESERVATIONS], positions={RESERVATIONS: position}
            )
            session = (await client.message())["session"]
            await server.call(
                server.services.database.close
            )  # more is still to come than the sockets hold: it waits for the client
            told = await client.end()
    seqs = [body["seq"] for body in told if "seq" in body]
    assert seqs == list(range(1, len(seqs) + 1))
    assert (
        told[-1]["type"],
        told[-1]["code"],
        told[-1]["reconnect"],
        told[-1]["retryAfterMs"],
    ) == ("disconnect", 4006, True, 5000)
    assert client.protocol.close_rcvd is not None
    assert client.protocol.close_rcvd.code == 4006
    with serving(tmp_path, lane) as server:
        async with server.client(session=session) as back:
            assert await back.events(1500) == list(range(1, 1501))
