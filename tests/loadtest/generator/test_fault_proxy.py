"""The fault proxy between plain sockets: each fault looks to both ends as it does in a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy

PATIENCE_S = 30
SHORT_S = 0.3
"""Long enough for what passes to have passed, on a machine that does nothing else."""
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Place:
    """A server that keeps the connections that it accepted, behind a proxy."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()
        self.proxy: FaultProxy

    async def pair(self) -> tuple[Stream, Stream]:
        """A client's end and the server's end of a connection through the proxy."""
        client = await asyncio.open_connection("127.0.0.1", self.proxy.port)
        return client, await asyncio.wait_for(self.accepted.get(), PATIENCE_S)


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    here = Place()
    server = await asyncio.start_server(
        lambda reader, writer: here.accepted.put_nowait((reader, writer)), "127.0.0.1", 0
    )
    async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as here.proxy:
        yield here


async def passes(source: Stream, sink: Stream, data: bytes, patience_s: float = PATIENCE_S) -> bool:
    source[1].write(data)
    try:
        return await asyncio.wait_for(sink[0].readexactly(len(data)), patience_s) == data
    except TimeoutError:
        return False


def close(*streams: Stream) -> None:
    for _, writer in streams:
        writer.transport.abort()


def test_bytes_pass_in_both_directions():
    """Without a fault the proxy can't be noticed."""

    async def scene() -> None:
        async with place() as here:
            client, server = await here.pair()
            assert await passes(client, server, b"x" * 200_000)
            assert await passes(server, client, b"pong")
            client[1].close()
            assert await asyncio.wait_for(server[0].read(), PATIENCE_S) == b""
            close(client, server)

    asyncio.run(scene())


def test_fin_is_an_end_without_an_error():
    """Both sides read the end of the stream."""

    async def scene() -> None:
        async with place() as here:
            client, server = await here.pair()
            assert here.proxy.inject(Fault.FIN, here.proxy.connections) == 1
            assert await asyncio.wait_for(client[0].read(), PATIENCE_S) == b""
            assert await asyncio.wait_for(server[0].read(), PATIENCE_S) == b""
            close(client, server)

    asyncio.run(scene())


def test_rst_is_a_reset():
    """Both sides get ECONNRESET, and the fault is written down with the client's port."""

    async def scene() -> None:
        async with place() as here:
            client, server = await here.pair()
            here.proxy.inject(Fault.RST, here.proxy.connections)
            for end in (client, server):
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(end[0].read(), PATIENCE_S)
            (injected,) = here.proxy.injected
            assert (injected.fault, injected.client_port) == (
                Fault.RST,
                client[1].get_extra_info("sockname")[1],
            )
            close(client, server)

    asyncio.run(scene())


def test_half_open_passes_nothing_on_not_even_an_end():
    """Neither data nor the client's FIN reaches the other side."""

    async def scene() -> None:
        async with place() as here:
            client, server = await here.pair()
            here.proxy.inject(Fault.HALF_OPEN, here.proxy.connections)
            assert not await passes(client, server, b"hello?", SHORT_S)
            assert not await passes(server, client, b"anybody?", SHORT_S)
            client[1].close()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(server[0].read(), SHORT_S)
            close(client, server)

    asyncio.run(scene())


def test_a_pause_loses_nothing():
    """What was sent meanwhile arrives after the resume."""

    async def scene() -> None:
        async with place() as here:
            client, server = await here.pair()
            (connection,) = here.proxy.connections
            connection.pause()
            assert not await passes(client, server, b"12345", SHORT_S)
            connection.resume()
            assert await asyncio.wait_for(server[0].readexactly(5), PATIENCE_S) == b"12345"
            close(client, server)

    asyncio.run(scene())


def test_one_connection_is_hit_and_the_others_are_not():
    """Faults are aimed at single connections."""

    async def scene() -> None:
        async with place() as here:
            first, second = await here.pair(), await here.pair()
            port = first[0][1].get_extra_info("sockname")[1]
            here.proxy.inject(
                Fault.FIN,
                [
                    connection
                    for connection in here.proxy.connections
                    if connection.client_port == port
                ],
            )
            assert await asyncio.wait_for(first[0][0].read(), PATIENCE_S) == b""
            assert await passes(second[0], second[1], b"still here")
            close(*first, *second)

    asyncio.run(scene())


def test_refused_and_admitted_again_on_the_same_port():
    """While it refuses, connecting fails as on a port without a listener; connections that stand
    stay.
    """

    async def scene() -> None:
        async with place() as here:
            standing = await here.pair()
            await here.proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", here.proxy.port)
            assert await passes(*standing, b"standing")
            await here.proxy.admit()
            later = await here.pair()
            assert await passes(*later, b"later")
            close(*standing, *later)

    asyncio.run(scene())


def test_throttled_and_delayed_connections_are_slower():
    """A throttled connection takes at least as long as its bytes need."""

    async def scene() -> None:
        async with place() as here:
            here.proxy.bytes_per_s = 100_000
            client, server = await here.pair()
            loop = asyncio.get_running_loop()
            began = loop.time()
            client[1].write(b"x" * 20_000)
            await asyncio.wait_for(server[0].readexactly(20_000), PATIENCE_S)
            assert loop.time() - began >= 0.18
            close(client, server)

    asyncio.run(scene())
