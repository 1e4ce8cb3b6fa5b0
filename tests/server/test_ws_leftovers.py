"""What handshakes and connections leave behind in the process: nothing that only the garbage
collector could find.
"""

import asyncio
import gc
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from rtdash.protocol.codes import CloseCode
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.ws.action_handler import ActionHandler
from rtdash.server.ws.action_queue import ActionQueue
from rtdash.server.ws.asgi_transport import AsgiTransport
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.fast_handshake import FastPendingUpgrade
from rtdash.server.ws.fast_transport import FastTransport
from rtdash.server.ws.send_queue import SendQueue
from tests.server.sockets import LANES, anyio_backend, serving

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

PARTS = {
    ServerConnection,
    ActionHandler,
    ActionQueue,
    SendQueue,
    FastTransport,
    AsgiTransport,
    Protocol,
    ServerProtocol,
}
"""Of a connection. The clients of these tests live in the same process, but are made of others."""


@contextmanager
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_nothing_of_a_handshake_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    """Once a connection stands, the HTTP parser and uvicorn's WebSocket object are gone by
    themselves: thousands come at once.
    """
    with serving(tmp_path, "fast", uvloop=True) as server, _no_collector():
        async with server.client() as client:
            await client.subscribe("restaurant_reservations")
            left = [
                type(one).__name__
                for one in gc.get_objects()
                if isinstance(one, FastPendingUpgrade | HttpProtocol)
            ]
    assert left == []


@pytest.mark.parametrize("lane", LANES)
async def test_nothing_of_a_connection_waits_for_the_garbage_collector(
    tmp_path: Path, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it has ended it is gone by itself: the collector comes too seldom for what has lived
    long, and memory would grow with each.
    """
    monkeypatch.setattr(
        "rtdash.server.ws.connection.CLOSE_TIMEOUT_S", 0.1
    )  # a timer still knows it until then
    with serving(tmp_path, lane, uvloop=True) as server, _no_collector():
        async with server.client() as client:
            session = (await client.subscribe("restaurant_reservations", "restaurant_stats"))[
                "session"
            ]
            await client.ask(action="nonsense")
            client.websocket.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            client.websocket.transport.abort()  # by RST: no parser hears of an end
        async with server.client(session=session) as client:
            assert (await client.receive())["status"] == "resumed"
        await server.until(_is_clean)


@pytest.mark.parametrize("lane", LANES)
async def test_nothing_of_a_refusal_waits_for_the_garbage_collector(
    tmp_path: Path, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is refused for its token comes again and again."""
    monkeypatch.setattr(
        "rtdash.server.ws.fast_handshake.REFUSED_LINGER_S", 0.1
    )  # a timer still knows it until then
    with serving(tmp_path, lane, uvloop=True) as server, _no_collector():
        async with server.client(token="nobody's") as client:
            assert (await client.farewell())[1] == CloseCode.UNAUTHENTICATED
        await server.until(_is_clean)


async def test_nothing_of_a_replay_that_was_broken_off_waits_for_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is lost while the store keeps it waiting is gone as soon, with the task
    that replays to it.
    """

    async def stall(*_: object) -> None:
        await asyncio.Event().wait()

    with serving(tmp_path, "fast", uvloop=True) as server, _no_collector():
        await server.book(2)
        monkeypatch.setattr(server.services.relay, "replay", stall)
        async with server.client() as client:
            start = {"restaurant_reservations": {"epoch": server.services.relay.epoch, "seq": 0}}
            assert (await client.subscribe("restaurant_reservations", positions=start))[
                "recovered"
            ] == {"restaurant_reservations": True}
            client.websocket.transport.abort()
        await server.until(_is_clean)


def _is_clean() -> bool:
    return not any(type(one) in PARTS for one in gc.get_objects())
