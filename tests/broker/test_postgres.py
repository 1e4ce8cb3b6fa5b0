"""PostgreSQL as broker: what managed servers do to its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from rtdash.broker import postgres
from rtdash.broker.base import BrokerUnavailable
from rtdash.broker.postgres import PostgresBroker
from tests.broker.conftest import PATIENCE_S, notice, opened
from tests.servers import TestServer

pytestmark = pytest.mark.anyio


def broker_of(server: TestServer, options: str = "") -> PostgresBroker:
    """A broker whose sessions begin with these options, as with those of a role or a database."""
    broker = opened(f"{server.url}?options={quote(options)}")
    assert isinstance(broker, PostgresBroker)
    return broker


async def test_a_session_that_listens_is_never_idle_for_too_long(
    postgres_server: TestServer,
) -> None:
    """Whatever the server does to others."""
    broker = broker_of(postgres_server, "-c idle_session_timeout=1h")
    connection = await broker._connect()
    cursor = await connection.execute("SHOW idle_session_timeout")
    assert await cursor.fetchone() == ("0",)
    await connection.close()


@pytest.mark.parametrize("query", ["pg_backend_pid", "LISTEN", "pg_notify"])
async def test_a_server_that_falls_silent_is_lost_and_its_connection_ended(
    postgres_server: TestServer, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Whichever query gets no answer: said in bounded time, and nothing is left for the garbage
    collector.
    """
    for bound in ("CONNECT_TIMEOUT_S", "PATIENCE_S", "SILENCE_S"):
        monkeypatch.setattr(postgres, bound, 1.0)
    async with falling_silent(postgres_server.port, query.encode()) as (port, has_ended):
        url = make_url(postgres_server.url).set(port=port)
        broker = opened(url.render_as_string(hide_password=False))
        async with asyncio.timeout(PATIENCE_S):
            listens = query == "LISTEN"
            asked = anext(aiter(broker.listen())) if listens else broker.publish((notice(1),))
            with pytest.raises(BrokerUnavailable):
                await asked
            await has_ended.wait()
        await broker.close()


@asynccontextmanager
async def falling_silent(target: int, query: bytes) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A relay for one connection that gives no answer from this query on, and accepts no other. The
    event: its client has closed it.
    """
    has_ended = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", target)
        answers = asyncio.create_task(_pass_on(server_reader, writer))
        while data := await reader.read(65_536):
            if query in data:
                listener.close()
                answers.cancel()
            else:
                server_writer.write(data)
        has_ended.set()
        answers.cancel()
        for one in (writer, server_writer):
            one.close()
            await one.wait_closed()

    listener = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1], has_ended
    finally:
        listener.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
