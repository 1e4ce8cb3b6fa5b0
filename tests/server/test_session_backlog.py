"""What waits to be written of sessions: confirmations, and ends of their connections."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rtdash.server.ws.session_registry import SessionRegistry
from rtdash.server.ws.session_writer import BEHIND_ROWS, SessionWriter
from rtdash.store import sessions as rows
from rtdash.store.database import Connection, Database
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

TTL_S = 600


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=ManualClock()
    )
    yield opened
    await opened.close()


async def test_what_waits_is_written_a_bounded_number_at_a_time(
    database: Database,
) -> None:
    """Thousands of connections that end at once hold up no booking: it comes between. One that
    comes back before its release is written is held, and stays so.
    """
    clock = ManualClock()
    writer = SessionWriter(database, clock, process="p1", ttl_s=TTL_S)
    sessions: SessionRegistry[str] = SessionRegistry(database, clock, writer)
    number = 2 * BEHIND_ROWS + 1
    made = [sessions.new("ann") for _ in range(number)]
    stored = [rows.StoredSession(one.id, "ann", "p1", clock()) for one in made]
    await database.write(lambda connection: rows.save_all(connection, stored, now=clock()))
    for one in made:
        sessions.release(one)
    order: list[str] = []
    written = sessions.writer._write_all

    def writing(*given: Any) -> None:
        order.append(f"{len(given[1])} ends")
        written(*given)

    sessions.writer._write_all = writing  # type: ignore[method-assign]
    behind = asyncio.create_task(sessions.writer.write_behind())
    await asyncio.sleep(0)
    sessions.bind(made[-1], "c1")
    await database.write(lambda _: order.append("a booking"))
    await behind
    assert order == [f"{BEHIND_ROWS} ends", "a booking", f"{BEHIND_ROWS} ends"]
    waiting = await database.read(
        lambda connection: [one.id for one in made if _waits(connection, one.id, clock)]
    )
    assert waiting == [one.id for one in made[:-1]]


def _waits(connection: Connection, session_id: str, clock: ManualClock) -> bool:
    found = rows.load(connection, session_id, now=clock(), ttl=timedelta(seconds=TTL_S))
    assert found is not None
    return found.expires_at is not None
