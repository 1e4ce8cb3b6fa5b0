"""An online copy of a store: whole, marked, and never in the place of something else."""

import asyncio

import pytest

from rtdash.store import event_log
from rtdash.store.backup import copy_store
from rtdash.store.database import Database, StoreError
from rtdash.store.event_log import NewEvent
from rtdash.store.venues import read_venues, save_venues
from tests.store.test_identity import ROOMS
from tests.stores import NOW, VENUES

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path, clock):
    """A store that a server works on."""
    opened = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock
    )
    await opened.write(lambda conn: save_venues(conn, VENUES))
    yield opened
    await opened.close()


def append(conn):
    return event_log.append(conn, [NewEvent(ROOMS, {"timestamp": "", "seq": 0})], now=NOW)


def silent(_done: int, _total: int) -> None:
    pass


async def test_a_copy_is_whole_and_starts_with_another_epoch(store, tmp_path, clock) -> None:
    """Clients that stand beyond it are reset, however many events it gets before they come."""
    await store.write(append)
    epoch = await store.read(event_log.read_epoch)
    steps = []
    copy_store(
        tmp_path / "rtdash.db",
        tmp_path / "copy.db",
        now_ms=1,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps[-1][0] == steps[-1][1] > 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    await store.write(append)
    assert await store.read(event_log.read_epoch) == epoch
    epochs = []
    for _ in range(2):
        copy = await Database.open(
            f"sqlite:///{tmp_path / 'copy.db'}", data_dir=tmp_path, clock=clock
        )
        assert await copy.read(read_venues) == VENUES
        assert (await copy.read(event_log.read_heads))[ROOMS] == 1
        epochs.append(await copy.read(event_log.read_epoch))
        await copy.close()
    assert epochs[0] == epochs[1] != epoch


async def test_writers_are_not_held_up(store, tmp_path) -> None:
    """What is committed while it is copied is not in it."""
    written = []

    def progress(_done: int, _total: int) -> None:
        written.append(store._loop.call_soon_threadsafe(lambda: store.submit(append)))

    await asyncio.to_thread(
        copy_store, tmp_path / "rtdash.db", tmp_path / "copy.db", now_ms=1, progress=progress
    )
    assert written
    await store.write(append)


async def test_nothing_is_overwritten(store, tmp_path) -> None:
    """No link is followed either, and no half of a copy is left."""
    del store
    (tmp_path / "there").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link", "rtdash.db", "nowhere/copy"):
        with pytest.raises(StoreError) as refused:
            copy_store(tmp_path / "rtdash.db", tmp_path / name, now_ms=1, progress=silent)
        assert refused.value.hint
    assert (tmp_path / "there").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    assert list(tmp_path.glob("*.part")) == []


async def test_there_must_be_a_store(tmp_path) -> None:
    """The command makes none by itself."""
    with pytest.raises(StoreError, match="no store"):
        copy_store(tmp_path / "none.db", tmp_path / "copy.db", now_ms=1, progress=silent)
    assert list(tmp_path.iterdir()) == []
