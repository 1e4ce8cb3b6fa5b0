"""What sessions owe to the store is written, whoever goes away meanwhile and however long it
waits.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rtdash.domain.instants import to_ms
from rtdash.server.ws.session_registry import SessionRegistry, SessionTaken
from rtdash.store import sessions as rows
from rtdash.store.database import Connection, Database
from rtdash.store.schema import processes
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

TTL_S = 600
PATIENCE_S = 60.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    opened = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock
    )
    yield opened
    await opened.close()


@pytest.fixture
def sessions(database: Database, clock: ManualClock) -> SessionRegistry:
    return SessionRegistry(database, clock, process="p1", ttl_s=TTL_S)


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """Inside the block nothing is written."""
    is_held, may_go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        is_held.set()
        may_go_on.wait(PATIENCE_S)

    slow = database.submit(hold)
    await asyncio.to_thread(is_held.wait, PATIENCE_S)
    try:
        yield
    finally:
        may_go_on.set()
        await slow


async def test_a_resume_that_is_given_up_takes_no_ended_session_along(
    sessions: SessionRegistry, database: Database, clock: ManualClock
) -> None:
    """It was about to write what waited, of others as well: a session whose connection has ended
    still begins to expire.
    """
    ended = sessions.new("ann")
    await sessions.save(ended, (), {})
    sessions.let_go(ended)
    async with held(database):
        resume = asyncio.create_task(sessions.take_over("nonsense", "bob", clock()))
        while sessions._ended:  # noqa: ASYNC110
            await asyncio.sleep(0)
        resume.cancel()
        await asyncio.gather(resume, return_exceptions=True)
    await sessions.write_behind()
    ttl = timedelta(seconds=TTL_S)
    stored = await database.read(
        lambda connection: rows.load(connection, ended.id, now=clock(), ttl=ttl)
    )
    assert stored is not None
    assert stored.expires_at == clock() + ttl


async def test_a_beat_tells_when_it_was_written(
    sessions: SessionRegistry, database: Database, clock: ManualClock
) -> None:
    """Not when it began to wait: a process whose store was slow would count as silent for as
    long.
    """
    async with held(database):
        beat = asyncio.create_task(sessions.beat({"ann": 1}))
        await asyncio.sleep(0)  # it waits for the writer
        written_at = clock.advance(seconds=40)
    await beat
    beat_at = await database.read(
        lambda connection: connection.execute(select(processes.c.beat_at)).scalar_one()
    )
    assert beat_at == to_ms(written_at)


async def test_a_resume_that_waited_loses_to_a_later_one(
    sessions: SessionRegistry, database: Database, clock: ManualClock
) -> None:
    """Another process has carried that one out already."""
    elsewhere = SessionRegistry(database, clock, process="p2", ttl_s=TTL_S)
    session = sessions.new("ann")
    await sessions.save(session, (), {})
    asked_at = clock.advance(seconds=1)
    assert await elsewhere.take_over(session.id, "ann", clock.advance(seconds=1)) is not None
    with pytest.raises(SessionTaken):
        await sessions.take_over(session.id, "ann", asked_at)
