"""What is to be stored of sessions is written, whatever connection ends meanwhile and however long
it waits.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from rtdash.domain.instants import to_ms
from rtdash.server.ws import session_writer
from rtdash.server.ws.session_registry import SessionRegistry
from rtdash.server.ws.session_writer import SessionTaken, SessionWriter
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


def registry(
    database: Database, clock: ManualClock, process: str, **options: int
) -> SessionRegistry:
    writer = SessionWriter(database, clock, process=process, ttl_s=TTL_S, **options)
    return SessionRegistry(database, clock, writer)


@pytest.fixture
def sessions(database: Database, clock: ManualClock) -> SessionRegistry:
    return registry(database, clock, "p1")


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
    """The resume was about to write what waited, of others as well: a session whose connection has
    ended still begins to expire.
    """
    ended = sessions.new("ann")
    await sessions.writer.save(ended, (), {})
    sessions.release(ended)
    async with held(database):
        resume = asyncio.create_task(sessions.writer.take_over("nonsense", "bob", clock()))
        while sessions.writer._ended:  # noqa: ASYNC110
            await asyncio.sleep(0)
        resume.cancel()
        await asyncio.gather(resume, return_exceptions=True)
    await sessions.writer.write_behind()
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
    elsewhere = registry(database, clock, "p2")
    session = sessions.new("ann")
    await sessions.writer.save(session, (), {})
    asked_at = clock.advance(seconds=1)
    assert await elsewhere.writer.take_over(session.id, "ann", clock.advance(seconds=1)) is not None
    with pytest.raises(SessionTaken):
        await sessions.writer.take_over(session.id, "ann", asked_at)


async def number_of_rows(database: Database) -> int:
    return await database.read(
        lambda connection: connection.execute(
            select(func.count()).select_from(rows.sessions)
        ).scalar_one()
    )


async def test_all_expired_sessions_go_at_once(
    sessions: SessionRegistry,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In transactions of a bounded size, however many were made: they never pile up."""
    monkeypatch.setattr(session_writer, "EXPIRE_ROWS", 3)
    for _ in range(10):
        session = sessions.new("ann")
        await sessions.writer.save(session, (), {})
        sessions.release(session)
    await sessions.writer.write_behind()
    clock.advance(seconds=TTL_S + 1)
    await sessions.writer.expire()
    assert await number_of_rows(database) == 0


async def test_a_user_keeps_a_bounded_number_of_sessions(
    database: Database, clock: ManualClock
) -> None:
    """The newest without a connection, and all that have one; other users are not concerned."""
    sessions = registry(database, clock, "p1", connections_per_user=1)
    made = []
    for number in range(30):
        clock.advance(seconds=0.001)
        session = sessions.new("ann")
        await sessions.writer.save(session, (), {})
        made.append(session)
        if number:
            sessions.release(session)
        await sessions.writer.write_behind()
    other = sessions.new("bob")
    await sessions.writer.save(other, (), {})
    await sessions.writer.trim()
    assert await number_of_rows(database) == 1 + session_writer.KEPT_PER_CONNECTION + 1
    assert await sessions.writer.take_over(made[1].id, "ann", clock()) is None
    assert await sessions.writer.take_over(made[-1].id, "ann", clock()) is not None
