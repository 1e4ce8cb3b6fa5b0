"""A store in a SQLite file: everything that a disk or another program can do to it."""

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy.exc import ProgrammingError

from rtdash.store import sqlite_log
from rtdash.store.database import Database, StoreError, StoreLocked, StoreUnavailable
from tests.store.writing import PATIENCE_S, busy_writer, keys, put
from tests.stores import ManualClock

pytestmark = pytest.mark.anyio


@contextmanager
def _file_limit(database: Path, limit: int | None = None) -> Iterator[None]:
    """No file of this process may grow: the kernel refuses writes as a failing disk does. Beyond a
    `limit`, none is written either.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(one.stat().st_size for one in database.parent.glob(f"{database.name}*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or largest + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _fails(store: Database, work) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await store.write(work)
    assert refused.value.reason == "io_error"


def _alone(path: Path, directory: Path) -> set[str]:
    """The rows that the database file has without its log."""
    alone = directory / "alone.db"
    shutil.copy(path, alone)
    with contextlib.closing(sqlite3.connect(alone)) as database:
        return {key for (key,) in database.execute("SELECT key FROM meta")}


class TestSqliteFile:
    """What can happen to a file."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where the file is."""
        return tmp_path / "rtdash.db"

    @pytest.fixture
    async def store(self, path: Path, clock: ManualClock):
        """A store that gives up on locks soon."""
        opened = await Database.open(
            f"sqlite:///{path}", data_dir=path.parent, clock=clock, busy_timeout_s=0.05
        )
        yield opened
        await opened.close()

    async def test_a_watch_that_broke_misses_no_commit(self, store):
        """The number that the watch compares belongs to its connection: a new connection begins
        with the same one, whatever was committed meanwhile.
        """
        await store.heads_moved()
        store._reader._watch.connection.driver_connection.close()
        with pytest.raises(ProgrammingError):
            await store.heads_moved()
        assert await store.probe()
        assert await store.heads_moved()

    async def test_one_process_at_a_time(self, store, path, clock):
        """The second gets the pid of the first."""
        with pytest.raises(StoreLocked) as refused:
            await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)
        assert refused.value.pid == os.getpid()
        assert str(os.getpid()) in refused.value.hint
        await store.write(put("a"))

    async def test_commits_are_durable(self, store):
        """WAL with a synchronised log: an acknowledged write survives a power cut."""
        pragmas = await store.write(
            lambda conn: [
                conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous")
            ]
        )
        assert pragmas == ["wal", 2]

    async def test_disk_full(self, store):
        """Nothing of the group is stored, and each caller gets the error; with space again, the
        store recovers by itself.
        """

        def fill(conn):
            conn.exec_driver_sql("PRAGMA max_page_count=1")
            return put("big", "x" * 100_000)(conn)

        async with busy_writer(store):
            group = [store.submit(put("a")), store.submit(fill)]
        for outcome in await asyncio.gather(*group, return_exceptions=True):
            assert isinstance(outcome, StoreUnavailable)
            assert outcome.reason == "disk_full"
        assert not store.is_healthy
        assert await store.probe()
        assert store.is_healthy
        assert await store.read(keys) == set()

    @pytest.mark.parametrize("place", ["statement", "commit"])
    async def test_a_disk_that_fails_has_the_file_opened_again(self, store, place, tmp_path):
        """Nothing of the transaction is stored; every connection is a new one, and what was
        acknowledged is there.
        """
        await store.write(put("kept"))
        assert await store.read(keys) == {"kept"}
        before, reopened = store._engines, asyncio.Event()
        store.on_reopened = reopened.set
        with _file_limit(tmp_path / "rtdash.db"):
            if place == "statement":
                await _fails(store, put("big", "x" * 60_000_000))
            else:
                await _fails(store, put("big", "x" * 3_000_000))
            await asyncio.wait_for(reopened.wait(), PATIENCE_S)
        assert store._engines is not before
        assert await store.read(keys) == {"kept"}
        assert await store.probe()
        await store.write(put("later"))
        assert await store.read(keys) == {"kept", "later"}

    async def test_after_an_error_the_log_is_emptied_before_anything_is_written(
        self, store, path, tmp_path
    ):
        """What can be read of it need not be on the disk, and a commit behind it would be gone with
        it. Until the disk takes it, writes are refused, and reads go on.
        """
        await store.write(put("kept", "x" * 1_000_000))
        with _file_limit(path, 100_000):
            for key in ("lost", "refused"):
                await _fails(store, put(key, "x" * 1_000_000))
            await _fails(store, put("small"))
            assert await store.read(keys) == {"kept"}
        await store.write(put("later"))
        assert "kept" in _alone(path, tmp_path)
        assert await store.read(keys) == {"kept", "later"}

    async def test_the_file_is_read_from_the_disk_again(self, store, path, monkeypatch):
        """After an error the kernel may show what never reached it: its memory of database and log
        is dropped while no connection is open, before another one recovers from them.
        """
        forgotten = []

        def note(descriptor, *advice):
            forgotten.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), *advice))

        remake = store._engines.remake
        monkeypatch.setattr(os, "posix_fadvise", note)
        store._engines.remake = lambda: (forgotten.append("opened"), remake())[1]
        await store.write(put("kept"))
        await asyncio.to_thread(store._writer._leave_file)
        whole = (0, 0, os.POSIX_FADV_DONTNEED)
        assert forgotten == [(str(path), *whole), (f"{path}-wal", *whole), "opened"]
        assert await store.read(keys) == {"kept"}

    async def test_the_log_is_copied_by_us(self, store, path, tmp_path, monkeypatch):
        """SQLite's automatic checkpoint hides its errors; ours comes after so many pages."""
        monkeypatch.setattr(sqlite_log, "LOG_PAGES", 7)
        automatic = "PRAGMA wal_autocheckpoint"
        assert await store.write(lambda conn: conn.exec_driver_sql(automatic).scalar_one()) == 0
        for key in ("a", "b", "c", "d", "e"):
            await store.write(put(key))
        assert {"a", "b", "c"} <= _alone(path, tmp_path), "three rows are nine pages"

    async def test_a_checkpoint_that_fails_has_the_file_opened_again(
        self, store, path, monkeypatch
    ):
        """The commit before it stands; all is there once the disk takes it."""

        def checked(conn):  # in the writer's thread, behind what follows "c"
            monkeypatch.setattr(sqlite_log, "LOG_PAGES", 1)
            return put("d")(conn)

        reopened = asyncio.Event()
        store.on_reopened = reopened.set
        for pages, key, size in ((1, "a", 1_000_000), (1, "b", 1), (10**9, "c", 1_000_000)):
            monkeypatch.setattr(sqlite_log, "LOG_PAGES", pages)
            await store.write(put(key, "x" * size))
        # the log, begun anew, has room; the database has none for "c"
        with _file_limit(path, 1_500_000):
            await store.write(checked)
            await asyncio.wait_for(reopened.wait(), PATIENCE_S)
            await _fails(store, put("refused"))
            assert await store.read(keys) == {"a", "b", "c", "d"}
        await store.write(put("later"))
        assert await store.read(keys) == {"a", "b", "c", "d", "later"}

    async def test_the_log_stays_when_connections_are_closed_after_an_error(self, store, path):
        """SQLite's last connection would copy it and delete it, whatever an fsync lost before."""
        await store.write(put("kept", "x" * 100_000))
        engines, size = store._engines, path.with_name("rtdash.db-wal").stat().st_size
        await asyncio.to_thread(store._writer._drop_connection)
        await asyncio.to_thread(engines.dispose, keeps_log=True)
        assert path.with_name("rtdash.db-wal").stat().st_size == size > 100_000
        await asyncio.to_thread(engines.guard_log)
        assert await store.read(keys) == {"kept"}

    async def test_nothing_is_served_while_another_program_keeps_what_was_before_an_error(
        self, store, path, monkeypatch
    ):
        """What it knows of the log outlives our connections: reads and writes are refused until it
        has closed the file, then all is there.
        """
        monkeypatch.setattr(sqlite_log, "_ALONE_PATIENCE_S", 0.05)
        await store.write(put("kept"))
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("SELECT count(*) FROM meta").fetchall()
            await asyncio.to_thread(store._writer._leave_file)
            for refused in (store.read(keys), store.write(put("refused"))):
                with pytest.raises(StoreUnavailable, match="open elsewhere") as fault:
                    await refused
                assert "rtdash.db" in fault.value.hint
        await store.write(put("later"))
        assert await store.read(keys) == {"kept", "later"}

    async def test_the_log_of_a_killed_process_is_read_from_the_disk(
        self, store, path, tmp_path, clock, monkeypatch
    ):
        """As after an error: the process may have been killed in the middle of one."""
        await store.write(put("kept"))
        left = tmp_path / "left" / "rtdash.db"
        left.parent.mkdir(mode=0o700)
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{left}{end}")
        forgotten = []
        monkeypatch.setattr(os, "posix_fadvise", lambda *advice: forgotten.append(advice[1:]))
        opened = await Database.open(f"sqlite:///{left}", data_dir=left.parent, clock=clock)
        assert forgotten == [(0, 0, os.POSIX_FADV_DONTNEED)] * 2
        assert "kept" in _alone(left, tmp_path)
        assert await opened.read(keys) == {"kept"}
        await opened.close()

    async def test_reads_wait_while_the_file_is_opened_again(self, store, monkeypatch):
        """None sees the file in between, and those that run are waited for."""
        began, release, seen = Event(), Event(), []

        def slow(conn):
            began.set()
            assert release.wait(PATIENCE_S)
            seen.append("read")
            return keys(conn)

        remake = store._engines.remake
        store._engines.remake = lambda: (seen.append("opened"), remake())[1]
        reading = asyncio.ensure_future(store.read(slow))
        await asyncio.to_thread(began.wait, PATIENCE_S)
        opening = asyncio.ensure_future(asyncio.to_thread(store._reopen))
        async with asyncio.timeout(PATIENCE_S):
            while not store._reader._is_held:  # noqa: ASYNC110  another thread holds it
                await asyncio.sleep(0.01)
        later = asyncio.ensure_future(store.read(lambda _conn: seen.append("later")))
        release.set()
        await asyncio.gather(reading, opening, later)
        assert seen == ["read", "opened", "later"]

    async def test_read_only_while_running(self, store):
        """Writes are refused, reads go on."""

        def forbid(conn):
            conn.exec_driver_sql("PRAGMA query_only=ON")
            return put("a")(conn)

        with pytest.raises(StoreUnavailable) as refused:
            await store.write(forbid)
        assert refused.value.reason == "read_only"
        assert await store.read(keys) == set()
        assert not store.is_healthy
        assert await store.probe()

    async def test_read_only_at_open(self, store, path, clock):
        """A file that can't be written is not opened."""
        await store.close()
        with pytest.raises(StoreUnavailable, match="can't be written"):
            await Database.open(
                f"sqlite:///file:{path}?mode=ro&uri=true", data_dir=path.parent, clock=clock
            )

    async def test_locked_for_long(self, store, path):
        """Writes are refused after the timeout, reads go on; when the lock is gone, the store
        recovers by itself.
        """
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ran = []
        with pytest.raises(StoreUnavailable) as refused:
            await store.write(ran.append)
        assert refused.value.reason == "locked"
        assert ran == [], (
            "the lock is asked for before anything is read, or two writers could decide on the same"
            " rows"
        )
        assert not await store.probe()
        assert await store.read(keys) == set()
        other.rollback()
        other.close()
        assert await store.probe()
        await store.write(put("b"))
        assert await store.read(keys) == {"b"}

    async def test_broken_while_running(self, store, path):
        """Reads of a damaged file are refused; when the file is whole again, they work."""
        await store.write(put("a"))
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        whole = path.read_bytes()
        path.write_bytes(b"no database" * (len(whole) // 11))
        with pytest.raises(StoreUnavailable) as refused:
            await store.read(keys)
        assert refused.value.reason == "broken"
        assert not store.is_healthy
        path.write_bytes(whole)
        assert await store.read(keys) == {"a"}
        assert store.is_healthy

    async def test_broken_at_open(self, path, clock):
        """A file that is no database is refused, with what to do."""
        path.write_text(
            "not a database, whatever its name says, and long enough to be looked at" * 100
        )
        with pytest.raises(StoreUnavailable) as refused:
            await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)
        assert "restore a backup" in refused.value.hint
        path.unlink()
        await (await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)).close()

    async def test_a_directory_that_can_t_be_made(self, tmp_path, clock):
        """The error says where and why."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="file"):
            await Database.open(
                f"sqlite:///{tmp_path / 'file' / 'x.db'}", data_dir=tmp_path, clock=clock
            )
