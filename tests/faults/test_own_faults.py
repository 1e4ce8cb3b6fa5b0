"""Faults of the server's own, met by one connection: that one gets an error, the others notice
nothing. On both lanes.
"""

import asyncio
import logging
import weakref
from pathlib import Path

import pytest

from rtdash.server.ws.timing_wheel import TimingWheel
from tests.server.sockets import Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio


async def test_an_action_that_fails_is_an_internal_error(
    edge: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen fault is sent as `internal`, temporary, and logged; the connection goes on, and
    so does the session.
    """
    context = edge.services.connection_manager._context
    async with edge.client() as client:
        await client.subscribe("restaurant_reservations")
        context.relay, relay = None, context.relay
        try:
            refused = await client.ask(action="subscribe", channels=["hotel_reservations"], id=7)
        finally:
            context.relay = relay
        assert (refused["code"], refused["temporary"], refused["id"]) == ("internal", True, 7)
        await client.subscribe("hotel_reservations")
        seqs = await edge.book()
        assert await client.events(1) == seqs
    assert "an action failed" in caplog.text


async def test_a_connection_that_fails_is_closed_with_1011(
    edge: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in the handling of a frame ends that connection alone: `disconnect`, 1011, come back;
    and it is logged.
    """
    async with edge.client() as client, edge.client(token=edge.token("bob")) as other:
        await client.subscribe("restaurant_reservations")
        await other.subscribe("restaurant_reservations")
        for connection in edge.services.connection_manager.connections:
            if connection.action_handler.principal.sub == "ann":
                connection._speech = None
        await client.send({"action": "ping"})
        said, code = await client.farewell()
        assert (code, said and said["code"], said and said["reconnect"]) == (1011, 1011, True)
        seqs = await edge.book()
        assert await other.events(1) == seqs
    assert "Traceback" in caplog.text
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == [
        "rtdash.server.ws.transport"
    ]


async def test_who_goes_away_is_answered_in_kind(edge: Server) -> None:
    """1001 is what a browser sends that leaves the page: the server's Close says the same (RFC 6455
    section 7.4.1).
    """
    async with edge.client() as client:
        await client.subscribe("hotel_reservations")
        await asyncio.wait_for(client.websocket.close(1001), 30)
        assert client.websocket.protocol.close_rcvd is not None
        assert client.websocket.protocol.close_rcvd.code == 1001


async def test_a_connection_that_fails_by_the_clock_harms_no_other(
    tmp_path: Path, lane: str
) -> None:
    """A fault in a timer of one connection closes that one with 1011; the timing wheel goes on for
    the others.
    """
    with serving(tmp_path, lane, idle_timeout_s=2) as server:
        async with server.client() as client, server.client(token=server.token("bob")) as other:
            await client.ask(action="ping")
            await other.ask(action="ping")
            for connection in server.services.connection_manager.connections:
                if connection.action_handler.principal.sub == "ann":
                    connection.deadlines = None
            assert (await client.farewell())[1] == 1011
            assert (await other.farewell())[1] == 4003
        assert not server.services.tasks.dead


def test_the_wheel_keeps_nothing_of_who_has_gone() -> None:
    """A connection that ends is free at once, not when the wheel would have come to it."""

    class Passenger:
        """An item of which a test sees when it is freed."""

    timing_wheel: TimingWheel[Passenger] = TimingWheel(0.0)
    passenger, other = Passenger(), Passenger()
    gone = weakref.ref(passenger)
    for at in (40.0, 20.0):
        timing_wheel.schedule(passenger, at)
        timing_wheel.schedule(other, at)
    timing_wheel.cancel(passenger)
    del passenger
    assert gone() is None
    assert list(timing_wheel.due(60.0)) == [other]
