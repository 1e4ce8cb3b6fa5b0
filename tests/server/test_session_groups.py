"""Sessions that are stored together: one transaction, and to each caller its own outcome."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from rtdash.server.ws.session_groups import SessionGroups
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


async def stored(database: Database) -> list[str]:
    """The ids of the sessions in the store."""

    def read(conn: Connection) -> list[str]:
        return [row[0] for row in conn.execute(text("SELECT id FROM sessions ORDER BY id"))]

    return await database.read(read)


async def test_sessions_of_one_turn_are_one_job(
    database: Database, clock: ManualClock, commits: list[Commit]
) -> None:
    """However many they are; those of the next turn are another."""
    groups = SessionGroups(database, clock)
    for turn in range(2):
        numbers = range(turn * 5, turn * 5 + 5)
        assert await asyncio.gather(*(groups.save(session(one)) for one in numbers)) == [True] * 5
        assert [commit.size for commit in commits] == [1] * (turn + 1)
    assert len(await stored(database)) == 10


async def test_each_caller_gets_its_own_outcome(database: Database, clock: ManualClock) -> None:
    """One that was taken over changes nothing, and the others are stored."""
    groups = SessionGroups(database, clock)
    newer = replace(session(1, generation=2), process="p2")
    await database.write(lambda conn: sessions.save(conn, newer, now=clock()))
    saving = [groups.save(session(0)), groups.save(session(1)), groups.save(session(2))]
    assert await asyncio.gather(*saving) == [True, False, True]
    assert await stored(database) == ["s0", "s1", "s2"]


async def test_a_fault_of_the_store_is_everybody_s_in_the_group(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions behind the group are stored."""
    groups = SessionGroups(database, clock)

    async def fail(_: object) -> None:
        raise StoreUnavailable("away for the test", reason="locked")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", fail)
        saving = [groups.save(session(one)) for one in range(3)]
        outcomes = await asyncio.gather(*saving, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert await groups.save(session(4))
    assert await stored(database) == ["s4"]


async def test_a_session_that_is_given_up_before_is_not_stored(
    database: Database, clock: ManualClock
) -> None:
    """The session would wait for ever: its release was written before it. The others don't notice."""
    groups = SessionGroups(database, clock)
    saving = [asyncio.create_task(groups.save(session(one))) for one in range(3)]
    await asyncio.sleep(0)
    saving[1].cancel()
    outcomes = await asyncio.gather(*saving, return_exceptions=True)
    assert isinstance(outcomes.pop(1), asyncio.CancelledError)
    assert outcomes == [True, True]
    assert await stored(database) == ["s0", "s2"]
