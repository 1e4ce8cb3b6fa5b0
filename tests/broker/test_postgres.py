"""PostgreSQL as broker: what managed servers and busy machines do to its connections."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
import uvloop

from rtdash.broker import postgres
from rtdash.broker.postgres import PostgresBroker
from tests.broker.conftest import notice, opened
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


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_time_in_which_the_loop_stands_still_is_not_the_servers(
    run: Callable[..., None], postgres_server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that came meanwhile counts, however late it is read."""

    async def body() -> None:
        broker = broker_of(postgres_server)
        await broker.publish((notice(1),))
        monkeypatch.setattr(postgres, "PATIENCE_S", 0.5)
        loop = asyncio.get_running_loop()
        publishing = loop.create_task(broker.publish((notice(2),)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251 - the loop is to stand still
        await publishing
        await broker.close()

    run(body())
