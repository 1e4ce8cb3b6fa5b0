"""Sessions that are stored together: one transaction, and to each caller its own outcome."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from rtdash.server.ws.session_groups import SessionGroups
from rtdash.server.ws.write_pacer import AT_ONCE
from rtdash.store import sessions
from rtdash.store.database import Commit, Database, StoreUnavailable
from rtdash.store.sessions import StoredSession
from tests.stores import NOW, ManualClock, anyio_backend, clock

__all__ = ["anyio_backend", "clock"]

pytestmark = pytest.mark.anyio


def session(number: int, generation: int = 1) -> StoredSession:
    """Of a user of its own."""
    return StoredSession(f"s{number}", f"user-{number}", "p1", NOW, generation)


@pytest.fixture
def commits() -> list[Commit]:
    return []


@pytest.fixture
async def database(
    tmp_path: Path, clock: ManualClock, commits: list[Commit]
) -> AsyncIterator[Database]:
    opened = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}",
        data_dir=tmp_path,
        clock=clock,
        observer=commits.append,
    )
    yield opened
    await opened.close()


async def stored(database: Database, *, below: int = 1_000) -> list[str]:
    """The ids of the sessions in the store with a number below that."""

    def read(conn: Connection) -> list[str]:
        return [row[0] for row in conn.execute(text("SELECT id FROM sessions ORDER BY id"))]

    return [name for name in await database.read(read) if int(name[1:]) < below]


def saving(groups: SessionGroups, stored: StoredSession) -> "asyncio.Task[bool]":
    """A save that is under way."""
    return asyncio.create_task(groups.save(lambda: stored))


async def fill(groups: SessionGroups) -> None:
    """Save as many as pass without a wait: what comes next is a storm."""
    numbers = range(100, 100 + AT_ONCE)
    assert await asyncio.gather(*(saving(groups, session(one)) for one in numbers)) == [True] * len(
        numbers
    )


async def together(
    groups: SessionGroups, *writes: Coroutine[Any, Any, bool]
) -> list[bool | BaseException]:
    """What becomes of writes that come in one group."""
    tasks = [asyncio.create_task(write) for write in writes]
    await asyncio.sleep(0)
    groups._open()
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def groups(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> SessionGroups:
    """Of a process on which a storm has broken; a group waits until the test opens it, however slow
    the machine is.
    """
    monkeypatch.setattr("rtdash.server.ws.write_pacer.PACE_S", 3_600.0)
    made = SessionGroups(database, clock)
    await fill(made)
    return made


async def test_few_sessions_do_not_wait(
    database: Database, clock: ManualClock, commits: list[Commit]
) -> None:
    """Each has a job of its own."""
    await fill(SessionGroups(database, clock))
    assert sum(commit.size for commit in commits) == AT_ONCE


async def test_sessions_of_a_storm_are_one_job(
    database: Database, groups: SessionGroups, commits: list[Commit]
) -> None:
    """However many they are; those that come behind them are another."""
    for number in range(2):
        commits.clear()
        numbers = range(number * 50, number * 50 + 50)
        writes = [groups.save(partial(session, one)) for one in numbers]
        assert await together(groups, *writes) == [True] * 50
        assert [commit.size for commit in commits] == [1]
    assert len(await stored(database)) == 100 + AT_ONCE


async def test_each_caller_gets_its_own_outcome(
    database: Database, groups: SessionGroups, clock: ManualClock
) -> None:
    """One that was taken over changes nothing, and the others are stored; those that are saved and
    those that are taken again among each other.
    """
    newer = replace(session(1, generation=2), process="p2")
    for known in (newer, session(3), session(5, generation=2)):
        await database.write(lambda conn, known=known: sessions.save(conn, known, now=clock()))
    outcomes = await together(
        groups,
        groups.save(lambda: session(0)),
        groups.save(lambda: session(1)),
        groups.retake(lambda: session(3, generation=2)),
        groups.save(lambda: session(2)),
        groups.retake(lambda: session(4, generation=2)),
        groups.retake(lambda: session(5, generation=2)),
    )
    assert outcomes == [True, False, True, True, False, False]
    assert await stored(database, below=10) == ["s0", "s1", "s2", "s3", "s5"]


async def test_a_fault_of_the_store_is_everybody_s_in_the_group(
    database: Database, groups: SessionGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions behind the group are stored."""

    async def fail(_: object) -> None:
        raise StoreUnavailable("away for the test", reason="locked")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", fail)
        writes = [groups.save(partial(session, one)) for one in range(3)]
        outcomes = await together(groups, *writes)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert await together(groups, groups.save(lambda: session(4))) == [True]
    assert await stored(database, below=10) == ["s4"]


async def test_a_session_that_is_given_up_before_is_not_stored(
    database: Database, groups: SessionGroups
) -> None:
    """The session would wait for ever: its release was written before it. The others don't notice."""
    tasks = [saving(groups, session(one)) for one in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    groups._open()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes.pop(1), asyncio.CancelledError)
    assert outcomes == [True, True]
    assert await stored(database, below=10) == ["s0", "s2"]
