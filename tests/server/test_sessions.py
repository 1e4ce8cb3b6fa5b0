"""What sessions owe to the store is written, whoever goes away meanwhile."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from rtdash.server.socket.sessions import Sessions
from rtdash.store import sessions as rows
from rtdash.store.database import Connection, Database
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

TTL_S = 600


async def test_a_resume_that_is_given_up_takes_no_ended_session_along(tmp_path: Path) -> None:
    """It was about to write what waited, of others as well: a session whose connection has ended still begins to expire."""
    clock = ManualClock()
    database = await Database.open(f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock)
    sessions = Sessions(database, clock, process="p1", ttl_s=TTL_S)
    ended = sessions.new("ann")
    await sessions.save(ended, (), {})
    sessions.let_go(ended)
    is_held, may_go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        is_held.set()
        may_go_on.wait()

    slow = database.submit(hold)
    await asyncio.to_thread(is_held.wait)
    resume = asyncio.create_task(sessions.take_over("nonsense", "bob"))
    while sessions._ended:  # noqa: ASYNC110 - until it has begun; nobody tells
        await asyncio.sleep(0)
    resume.cancel()
    await asyncio.gather(resume, return_exceptions=True)
    may_go_on.set()
    await slow
    await sessions.write_behind()
    ttl = timedelta(seconds=TTL_S)
    stored = await database.read(lambda connection: rows.load(connection, ended.id, now=clock(), ttl=ttl))
    assert stored is not None
    assert stored.expires_at == clock() + ttl
    await database.close()
