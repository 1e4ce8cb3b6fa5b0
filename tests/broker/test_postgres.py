"""PostgreSQL as broker: what managed servers do to its connections."""

from urllib.parse import quote

import pytest

from rtdash.broker.postgres import PostgresBroker
from tests.broker.conftest import opened
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
