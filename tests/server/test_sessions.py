"""What is to be stored of sessions is written, whatever connection ends meanwhile and however long
it waits.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from rtdash.domain.instants import to_ms
from rtdash.protocol.channels import Position
from rtdash.server.ws import known_sessions, session_writer
from rtdash.server.ws.bound_session import BoundSession, SessionMoved, SessionTaken
from rtdash.server.ws.session_registry import SessionRegistry
from rtdash.server.ws.session_writer import SessionWriter
from rtdash.store import sessions as rows
from rtdash.store.database import Connection, Database
from rtdash.store.schema import processes
from tests.fakes import BOOKINGS as ROOMS
from tests.fakes import NOTES
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


async def ended_session(sessions: SessionRegistry, connection: str = "c1") -> BoundSession:
    """A stored session with a connection that has ended a moment ago."""
    session = sessions.new("ann")
    await sessions.writer.save(session, (ROOMS,), {ROOMS: Position("e1", 3)})
    sessions.bind(session, connection)
    session.confirmed[ROOMS] = Position("e1", 5)
    sessions.detach(session, connection)
    return session


async def loaded(database: Database, clock: ManualClock, session_id: str) -> rows.StoredSession:
    """A session as it is in the store."""
    ttl = timedelta(seconds=TTL_S)
    stored = await database.read(
        lambda connection: rows.load(connection, session_id, now=clock(), ttl=ttl)
    )
    assert stored is not None
    return stored


async def test_a_session_that_comes_back_at_once_is_one_write(
    sessions: SessionRegistry,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The session goes on with what was confirmed, has a connection from then on, and is the next
    generation; its end is not written any more.
    """
    ended = await ended_session(sessions)
    asked_at = clock.advance(seconds=1)
    writes: list[object] = []
    write = database.write

    async def counted(fn: Callable[[Connection], object]) -> object:
        writes.append(fn)
        return await write(fn)

    monkeypatch.setattr(database, "write", counted)
    session = sessions.writer.returning(ended.id, "ann", asked_at)
    assert session is not None
    await sessions.writer.retake(session, session.streams, {NOTES: Position("e1", 8)})
    await sessions.writer.write_behind()
    assert len(writes) == 1
    stored = await loaded(database, clock, ended.id)
    assert (stored.generation, stored.asked_at, stored.expires_at) == (2, asked_at, None)
    assert stored.streams == (ROOMS,)
    assert stored.positions == {ROOMS: Position("e1", 5), NOTES: Position("e1", 8)}


@pytest.mark.parametrize("why", ["another user", "asked before", "long ago", "twice"])
async def test_a_session_is_only_at_hand_for_its_own_client_and_a_while(
    sessions: SessionRegistry, clock: ManualClock, why: str
) -> None:
    """Whatever else it may be, the store knows."""
    asked_at = clock() - timedelta(seconds=1)
    session = await ended_session(sessions)
    sub = "bob" if why == "another user" else "ann"
    if why != "asked before":
        asked_at = clock.advance(seconds=61 if why == "long ago" else 1)
    if why == "twice":
        assert sessions.writer.returning(session.id, sub, asked_at) is not None
    assert sessions.writer.returning(session.id, sub, asked_at) is None


async def test_a_session_that_another_process_took_is_read_from_the_store(
    sessions: SessionRegistry, database: Database, clock: ManualClock
) -> None:
    """The client was there meanwhile: what is known here is no longer true."""
    session = await ended_session(sessions)
    elsewhere = registry(database, clock, "p2")
    taken = await elsewhere.writer.take_over(session.id, "ann", clock.advance(seconds=1))
    assert taken is not None
    await elsewhere.writer.save(taken[0], (ROOMS, NOTES), {})
    returning = sessions.writer.returning(session.id, "ann", clock.advance(seconds=1))
    assert returning is not None
    with pytest.raises(SessionMoved):
        await sessions.writer.retake(returning, returning.streams, {})
    sessions.release(returning)  # as of a take-over that failed in any way
    await sessions.writer.write_behind()
    held = await loaded(database, clock, session.id)
    assert (held.process, held.generation, held.expires_at) == ("p2", returning.generation, None)
    found = await sessions.writer.take_over(session.id, "ann", clock())
    assert found is not None
    assert (found[0].generation, set(found[1])) == (3, {ROOMS, NOTES})


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_retake_that_is_given_up_leaves_no_session_for_ever(
    sessions: SessionRegistry,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_written: bool,
) -> None:
    """Stored or not, it expires: its connection has gone while the store was slow."""
    ended = await ended_session(sessions)
    session = sessions.writer.returning(ended.id, "ann", clock.advance(seconds=1))
    assert session is not None
    has_begun, may_go_on = threading.Event(), threading.Event()

    def retake_slowly(*arguments: Any, **options: Any) -> list[bool]:
        has_begun.set()
        may_go_on.wait(PATIENCE_S)
        return retake_all(*arguments, **options)

    retake_all = rows.retake_all
    monkeypatch.setattr("rtdash.server.ws.session_groups.rows.retake_all", retake_slowly)
    async with nullcontext() if is_written else held(database):
        retake = asyncio.create_task(sessions.writer.retake(session, (ROOMS,), {}))
        await asyncio.sleep(0)
        if is_written:
            await asyncio.to_thread(has_begun.wait, PATIENCE_S)
        retake.cancel()
        await asyncio.gather(retake, return_exceptions=True)
        sessions.release(session)
    may_go_on.set()
    await sessions.writer.write_behind()
    stored = await loaded(database, clock, ended.id)
    assert stored.generation == 1 + is_written
    assert stored.expires_at == clock() + timedelta(seconds=TTL_S)


async def test_the_newer_of_two_connections_holds_a_session(sessions: SessionRegistry) -> None:
    """Also where the older one gets its answer of the store later."""
    older = await ended_session(sessions)
    newer = older.returned(older.asked_at)
    assert sessions.bind(newer, "c2") is None
    with pytest.raises(SessionTaken):
        sessions.check_newest(older)
    sessions.check_newest(newer)
    assert sessions.bind(newer.returned(newer.asked_at), "c3") == "c2"
    assert sessions.holder(older.id) == "c3"


async def test_a_bounded_number_of_ended_sessions_is_at_hand(
    sessions: SessionRegistry, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sessions that ended last; after a while none is."""
    monkeypatch.setattr(known_sessions, "MOST", 3)
    ended = [await ended_session(sessions) for _ in range(5)]
    known = sessions.writer._known
    assert len(known) == 3
    assert sessions.writer.returning(ended[1].id, "ann", clock()) is None
    assert sessions.writer.returning(ended[2].id, "ann", clock()) is not None
    clock.advance(seconds=61)
    await sessions.writer.expire()
    assert len(known) == 0


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
