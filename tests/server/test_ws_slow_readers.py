"""Clients that read slowly, or never: dropped when their buffer is full, or spared what is out of
date. On both lanes.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.frames import Opcode

from rtdash.server.ws.fast_transport import FastTransport
from rtdash.server.ws.plain_socket import PlainSocket
from tests.server.raw_client import RawClient
from tests.server.sockets import PATIENCE_S, Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio

LONG_NAME = "x" * 8000


async def test_a_slow_consumer_is_dropped_and_resumes(tmp_path: Path, lane: str) -> None:
    """A client that doesn't read is closed with 4001 when its buffer is full; coming back, it gets
    every event.
    """
    with serving(tmp_path, lane, buffer_limit_bytes=100_000) as server:
        async with (
            RawClient.connect(server.url(token=server.token()), receive_buffer=4096) as slow,
            server.client() as good,
        ):
            slow.say(action="subscribe", channels=["restaurant_reservations"])
            session = (await slow.message())["session"]
            await good.subscribe("restaurant_reservations")
            numbers = []
            for _ in range(60):
                numbers += await server.book(20, name=LONG_NAME)
                if not _holds(server, session):
                    break
            assert not _holds(server, session), "the slow consumer is still a member"
            assert await good.events(len(numbers)) == numbers
            ended = await slow.end()
            assert ended[-1]["type"] == "disconnect"
            assert (ended[-1]["code"], ended[-1]["reconnect"]) == (4001, True)
        async with server.client(session=session) as back:
            assert await back.events(len(numbers)) == numbers


def _holds(server: Server, session: str) -> bool:
    holder = server.services.connection_manager.sessions.holder(session)
    return holder is not None and holder.is_open


async def test_pings_of_one_that_never_reads_are_bounded(tmp_path: Path, lane: str) -> None:
    """Answers count for the buffer: a client that asks and never reads is dropped."""
    with serving(tmp_path, lane, buffer_limit_bytes=20_000, messages_per_second=0) as server:
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            for _ in range(40):
                for _ in range(500):
                    client.say(action="ping", id="x" * 250)
                await asyncio.wait([asyncio.ensure_future(client.writer.drain())], timeout=1)
                if not any(
                    connection.is_open
                    for connection in server.services.connection_manager.connections
                ):
                    break
            assert not any(
                connection.is_open for connection in server.services.connection_manager.connections
            )


async def test_control_frames_of_one_that_never_reads_are_bounded(
    tmp_path: Path, lane: str
) -> None:
    """Protocol pings of a client that reads are answered; pongs for one that doesn't pile up
    nowhere.
    """
    with serving(tmp_path, lane, buffer_limit_bytes=200_000, messages_per_second=0) as server:
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            link = await _link(server)
            transport = link.transport if isinstance(link, PlainSocket) else link._transport
            most = 0
            for _ in range(60):
                for _ in range(500):
                    client.protocol.data_to_send()
                    client.protocol.send_ping(b"x" * 125)
                    client.flush()
                with suppress(TimeoutError, ConnectionError):  # it waits, or has been cut off
                    await asyncio.wait_for(client.writer.drain(), 0.2)
                most = max(most, 0 if transport.is_closing() else transport.get_write_buffer_size())
            assert 1_000 < most < 400_000, "of 3.8 MB of pongs"


async def _link(server: Server) -> FastTransport | PlainSocket:
    """The server's end of the only connection, once it stands: the client may know of it first."""
    links: list[FastTransport | PlainSocket] = []

    async def look() -> None:
        links[:] = [one for one in server.sockets if isinstance(one, FastTransport | PlainSocket)]

    async with asyncio.timeout(PATIENCE_S):
        while not links:
            await server.call(look)
    return links[0]


async def test_empty_fragments_pile_up_nowhere(tmp_path: Path, lane: str) -> None:
    """Any number of them within a message; the message arrives all the same."""
    with serving(tmp_path, lane, messages_per_second=0) as server:
        async with RawClient.connect(server.url(token=server.token())) as client:
            client.protocol.data_to_send()
            client.protocol.send_text(b'{"action":"ping",', fin=False)
            for _ in range(20_000):
                client.protocol.send_continuation(b"", fin=False)
            client.protocol.send_ping(b"are they read?")
            client.flush()
            await client.frame(Opcode.PONG)
            link = await _link(server)
            assert len(link.frames if isinstance(link, PlainSocket) else link._fragments) == 1
            client.protocol.send_continuation(b'"id":"here"}', fin=True)
            client.flush()
            assert (await client.message())["id"] == "here"


async def test_states_are_conflated_for_who_reads_slowly(tmp_path: Path, lane: str) -> None:
    """A reader that fell behind gets the latest state, not each one that there was."""
    with serving(tmp_path, lane) as server:
        async with RawClient.connect(
            server.url(token=server.token()), receive_buffer=4096
        ) as client:
            client.say(action="subscribe", channels=["restaurant_stats"])
            assert (await client.message())["status"] == "subscribed"
            stream = next(
                stream
                for stream in server.services.hub.streams()
                if stream.channel == "restaurant_stats"
            )
            for number in range(2000):
                body = json.dumps(
                    {"type": "stats_update", "number": number, "filler": LONG_NAME}
                ).encode()
                await server.publish_state(stream, "stats_update", body)
            seen = []
            while not seen or seen[-1] != 1999:
                seen.append((await client.message()).get("number", -1))
            assert seen == sorted(seen)
            assert len(seen) < 1500
