"""Revocations are known in every process, whatever the clocks say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rtdash.server.auth import revocation_list as module
from rtdash.server.auth.revocation_list import RevocationList
from rtdash.server.auth.tokens import Principal
from rtdash.store.database import Database
from tests.stores import NOW, ManualClock, anyio_backend

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio

ANNA = Principal(
    "anna", None, frozenset(), ("*",), "t1", NOW - timedelta(hours=1), NOW + timedelta(hours=1)
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=ManualClock()
    )
    yield database
    await database.close()


async def test_a_revocation_holds_at_once_though_the_clock_was_set_back(store: Database) -> None:
    """A revocation that was answered holds: a row that seems older than the last sweep is read all
    the same.
    """
    clock = ManualClock()
    revocations = RevocationList(store, clock)
    await revocations.load()
    clock.advance(minutes=-2)
    await revocations.revoke(jti="t1")
    assert revocations.is_revoked(ANNA)


async def test_a_revocation_by_a_process_with_a_slow_clock_is_found(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revocation's row is older than what the sweeps look at; now and then all are read."""
    monkeypatch.setattr(module, "SWEEP_S", 0.001)
    here, elsewhere = (
        RevocationList(store, ManualClock()),
        RevocationList(store, ManualClock(NOW - timedelta(minutes=2))),
    )
    await here.load()
    is_told = asyncio.Event()
    here.on_revoked = is_told.set
    sweeping = asyncio.create_task(here.sweep_periodically())
    await elsewhere.revoke(jti="t1")
    async with asyncio.timeout(30):
        await is_told.wait()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    assert here.is_revoked(ANNA)
