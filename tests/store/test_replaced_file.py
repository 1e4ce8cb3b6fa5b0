"""A SQLite file that is moved, deleted or replaced under the store that works on it: SQLite goes on
with what has no name any more, and an acknowledged write would be gone with the process.
"""

import shutil

import pytest

from rtdash.store.database import Database, StoreError, StoreUnavailable
from tests.store.writing import keys, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path):
    """Where the file is."""
    return tmp_path / "rtdash.db"


@pytest.fixture
async def store(path, clock):
    """A store with a row."""
    opened = await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)
    await opened.write(put("kept"))
    yield opened
    await opened.close()


async def refused(store, word):
    """Writes are refused for it, a probe finds nothing better."""
    with pytest.raises(StoreUnavailable, match=word) as caught:
        await store.write(put("lost"))
    assert caught.value.reason == "replaced"
    assert caught.value.hint
    assert not await store.probe()


async def test_a_file_that_is_gone_takes_no_write(store, path):
    """What is put back as it was goes on, with all that was acknowledged."""
    away = path.with_name("away")
    path.rename(away)
    await refused(store, "gone")
    store._reader._engines.renew_readers()
    with pytest.raises(StoreUnavailable):
        await store.read(keys)
    assert not path.exists(), "no connection made an empty one"
    away.rename(path)
    assert await store.probe()
    await store.write(put("later"))
    assert await store.read(keys) == {"kept", "later"}


async def test_another_file_takes_no_write(store, path, tmp_path, clock):
    """A copy that is put there under the running store; the next start knows it for a copy."""
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    await refused(store, "another database file")
    mark = path.with_name("rtdash.db.mark").read_text()
    await store.close()
    assert path.with_name("rtdash.db.mark").read_text() == mark


async def test_a_log_that_is_gone_is_written_to_the_database(store, path):
    """Deleted by a clean-up beside the store: the file is opened again, nothing is lost."""
    path.with_name("rtdash.db-wal").unlink()
    with pytest.raises(StoreUnavailable) as caught:
        await store.write(put("refused"))
    assert caught.value.reason == "io_error"
    assert await store.probe()
    await store.write(put("later"))
    assert await store.read(keys) == {"kept", "later"}


async def test_a_second_name_is_refused(path, tmp_path, clock):
    """Each name would have a log of its own, and each its own lock."""
    await (await Database.open(f"sqlite:///{path}", data_dir=tmp_path, clock=clock)).close()
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "rtdash.db"
    other.hardlink_to(path)
    for one in (path, other):
        with pytest.raises(StoreError, match="second name") as caught:
            await Database.open(f"sqlite:///{one}", data_dir=one.parent, clock=clock)
        assert caught.value.hint
    other.unlink()
    await (await Database.open(f"sqlite:///{path}", data_dir=tmp_path, clock=clock)).close()
