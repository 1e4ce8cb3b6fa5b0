"""Two connections of one session at the same moment: one of them holds it in the end."""

from collections.abc import Iterator

import pytest

from rtdash.protocol.codes import CloseCode
from rtdash.server.ws.bound_session import BoundSession, SessionTaken
from rtdash.server.ws.connection import ServerConnection
from tests.fakes import BOOKINGS
from tests.server.cluster import Cluster
from tests.server.steered_link import SteeredLink


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two processes; the test uses the first."""
    made = Cluster()
    made.start(0)
    yield made
    made.abandon()


def connected(cluster: Cluster) -> tuple[SteeredLink, ServerConnection]:
    """A socket of one user, and the server's side of it."""
    link = SteeredLink(cluster.loop, cluster.wrongs)

    async def connect() -> ServerConnection:
        return cluster.processes[0].connect(link, "ann")

    return link, cluster.loop.run_until_complete(connect())


def stored_session(cluster: Cluster) -> BoundSession:
    """A session of that user with its row."""
    writer = cluster.processes[0].connection_manager.sessions

    async def store() -> BoundSession:
        session = writer.new("ann")
        await writer.writer.save(session, (BOOKINGS,), {})
        return session

    return cluster.loop.run_until_complete(store())


def test_the_older_connection_is_closed(cluster: Cluster) -> None:
    """The store's answers came in another order than the connections."""
    (old_link, older), (_, newer) = connected(cluster), connected(cluster)
    session = stored_session(cluster)
    cluster.do(lambda: older.action_handler._hold(session))
    cluster.do(lambda: newer.action_handler._hold(session.returned(session.asked_at)))
    assert CloseCode.SESSION_TAKEN_OVER in [frame.content for frame in old_link.down]
    assert not older.is_open
    assert newer.is_open


def test_an_older_connection_that_is_late_gets_nothing(cluster: Cluster) -> None:
    """A newer generation of its session is held already; what it had prepared is released."""
    (_, older), (_, newer) = connected(cluster), connected(cluster)
    session = stored_session(cluster)
    cluster.do(lambda: newer.action_handler._hold(session.returned(session.asked_at)))
    with pytest.raises(SessionTaken):
        cluster.loop.run_until_complete(older.action_handler._open({BOOKINGS: None}, session))
    assert cluster.processes[0].relay.followed == 0
    assert newer.is_open
