"""What a handshake leaves behind in the process: nothing that only the garbage collector could find."""

import gc
from pathlib import Path

import pytest

from rtdash.server.heads import TimedHeads
from rtdash.server.socket.fastdoor import FastVisitor
from tests.server.sockets import anyio_backend, serving

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio


async def test_nothing_of_a_handshake_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    """Once a connection stands, the HTTP parser and uvicorn's WebSocket object are gone by themselves: thousands come at once."""
    with serving(tmp_path, "fast", uvloop=True) as server:
        gc.collect()
        gc.disable()
        try:
            async with server.client() as client:
                await client.subscribe("restaurant_reservations")
                left = [type(one).__name__ for one in gc.get_objects() if isinstance(one, FastVisitor | TimedHeads)]
        finally:
            gc.enable()
    assert left == []
