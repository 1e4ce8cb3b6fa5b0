"""The doors of the store: group commit, callers that go away, and everything that a disk or another program can do."""

import asyncio
import os
import sqlite3
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import insert, make_url, select
from sqlalchemy.exc import ProgrammingError

from rtdash.store import dialects, event_log
from rtdash.store.database import BadStoreUrl, Database, OutcomeUnknown, StoreError, StoreLocked, StoreTooNew, StoreUnavailable
from rtdash.store.schema import alembic_version, meta
from tests.stores import ManualClock

pytestmark = pytest.mark.anyio
PATIENCE_S = 30


def put(key, value="1"):
    """A write of one row."""
    return lambda conn: conn.execute(insert(meta), {"key": key, "value": value}) and value


def keys(conn):
    """The rows that `put` has written."""
    return set(conn.execute(select(meta.c.key)).scalars()) - {"epoch", "probed_at"}


@asynccontextmanager
async def busy_writer(database):
    """The writer runs a transaction that ends with the block, so that what is submitted inside it waits."""
    began, release = Event(), Event()

    def hold(_conn):
        began.set()
        assert release.wait(PATIENCE_S)

    held = database.submit(hold)
    await asyncio.to_thread(began.wait, PATIENCE_S)
    try:
        yield
    finally:
        release.set()
        await held


@pytest.fixture
def commits():
    return []


@pytest.fixture
async def observed(database_url, tmp_path, clock, commits):
    """A store that tells of its transactions, lets few wait, and gives up on locks soon."""
    opened = await Database.open(database_url, data_dir=tmp_path, clock=clock, observer=commits.append, queue_limit=5, busy_timeout_s=0.05)
    yield opened
    await opened.close()


async def test_what_is_written_can_be_read(database):
    """A write gives what its function gives, and later reads see it."""
    assert await database.write(put("a", "7")) == "7"
    assert await database.read(keys) == {"a"}


async def test_waiting_writes_share_a_transaction(observed, commits):
    """Whatever waits while a transaction runs forms the next one."""
    async with busy_writer(observed):
        waiting = [observed.submit(put(key)) for key in "abc"]
    await asyncio.gather(*waiting)
    assert [commit.size for commit in commits] == [1, 3]


async def test_a_write_that_raises_harms_nobody_else(observed):
    """Its caller gets its error; the others of its group are stored."""
    async with busy_writer(observed):
        good, bad, twice, also_good = (observed.submit(work) for work in (put("a"), lambda _conn: 1 / 0, put("epoch"), put("b")))
    await asyncio.gather(good, also_good)
    with pytest.raises(ZeroDivisionError):
        await bad
    with pytest.raises(Exception, match=r"(?i)unique"):
        await twice
    assert await observed.read(keys) == {"a", "b"}
    assert observed.is_healthy


async def test_a_write_that_raises_leaves_nothing(database):
    """What it wrote before it raised is rolled back."""

    def write(conn):
        put("a")(conn)
        raise LookupError("changed its mind")

    with pytest.raises(LookupError):
        await database.write(write)
    assert await database.read(keys) == set()


async def test_a_caller_that_leaves_before_its_turn_writes_nothing(observed):
    """A cancelled write that has not begun is left out; its neighbours are stored."""
    async with busy_writer(observed):
        leaving = asyncio.create_task(observed.write(put("leaving")))
        staying = asyncio.create_task(observed.write(put("staying")))
        await asyncio.sleep(0)
        leaving.cancel()
    await staying
    assert await observed.read(keys) == {"staying"}


async def test_a_caller_that_leaves_in_the_middle_is_written_all_the_same(database):
    """What has begun is not torn apart, and the store goes on."""
    began, release = Event(), Event()

    def write(conn):
        began.set()
        assert release.wait(PATIENCE_S)
        return put("a")(conn)

    caller = asyncio.create_task(database.write(write))
    await asyncio.to_thread(began.wait, PATIENCE_S)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    release.set()
    await database.write(put("b"))
    assert await database.read(keys) == {"a", "b"}


async def test_too_many_waiting_writes_are_refused(observed):
    """The queue is bounded; whoever comes too late is told so at once."""
    async with busy_writer(observed):
        waiting = [observed.submit(put(f"k{number}")) for number in range(5)]
        with pytest.raises(StoreUnavailable) as refused:
            await observed.write(put("too late"))
    await asyncio.gather(*waiting)
    assert refused.value.reason == "queue_full"
    assert refused.value.retry_after_s > 0


async def test_too_many_waiting_reads_are_refused(observed):
    """Reads are bounded like writes."""
    release = Event()
    waiting = [asyncio.create_task(observed.read(lambda _conn: release.wait(PATIENCE_S))) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="wait already"):
        await observed.read(keys)
    release.set()
    await asyncio.gather(*waiting)


def break_commit(conn):
    """Make this transaction one that can't be committed."""
    if conn.dialect.name == "sqlite":
        driver = conn.connection.driver_connection
        driver.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK)
    else:
        conn.exec_driver_sql("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        conn.exec_driver_sql("INSERT INTO once VALUES (1), (1)")


async def test_a_failed_commit_leaves_the_outcome_unknown_to_all(observed):
    """Nobody of the group is told that it was stored, nor that it was not; the next write works."""
    async with busy_writer(observed):
        group = [observed.submit(work) for work in (put("a"), break_commit)]
    for outcome in await asyncio.gather(*group, return_exceptions=True):
        assert isinstance(outcome, OutcomeUnknown)
    assert not observed.is_healthy
    await observed.write(put("b"))
    assert observed.is_healthy
    assert await observed.read(keys) == {"b"}


async def test_reads_see_one_snapshot(database):
    """A read that looks twice finds the same, whatever is committed in between."""
    looked, written = Event(), Event()

    def look_twice(conn):
        first = keys(conn)
        looked.set()
        assert written.wait(PATIENCE_S)
        return first, keys(conn)

    reading = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(looked.wait, PATIENCE_S)
    await database.write(put("a"))
    written.set()
    assert await reading == (set(), set())


async def test_reads_cannot_write(database):
    """The door for reading is no way round the writer."""
    with pytest.raises(Exception, match="can't be written"):
        await database.read(put("a"))
    assert await database.write(keys) == set()


async def test_closing_writes_what_waits(database_url, tmp_path, clock):
    """What was accepted before close is stored; what comes after is refused."""
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    waiting = [database.submit(put(key)) for key in "ab"]
    await database.close()
    await asyncio.gather(*waiting)
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(put("c"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.read(keys)
    again = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    assert await again.read(keys) == {"a", "b"}
    await again.close()


async def test_heads_moved_tells_of_commits(database):
    """SQLite says whether anything was committed since the last look; elsewhere one has to look."""
    await database.heads_moved()
    if database._engines.file is None:
        assert await database.heads_moved()
        return
    assert not await database.heads_moved()
    await database.write(put("a"))
    assert await database.heads_moved()
    assert not await database.heads_moved()


async def test_the_same_store_opens_again(database_url, tmp_path, clock):
    """What is there stays, its epoch too."""
    epochs = []
    for _ in range(2):
        database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        epochs.append(await database.read(lambda conn: conn.execute(select(meta.c.value).where(meta.c.key == "epoch")).scalar_one()))
        await database.close()
    assert epochs[0] == epochs[1]


async def test_a_newer_database_is_refused(database_url, tmp_path, clock):
    """Its version is one that this program does not know; nothing is changed."""
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await database.write(lambda conn: conn.execute(alembic_version.update(), {"version_num": "9999"}))
    await database.close()
    with pytest.raises(StoreTooNew, match="9999") as refused:
        await Database.open(database_url, data_dir=tmp_path, clock=clock)
    assert "upgrade" in refused.value.hint


async def test_a_database_of_another_program_is_refused(database_url, tmp_path, clock):
    """Tables that are not ours are left alone."""
    database = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await database.write(lambda conn: conn.exec_driver_sql("DROP TABLE meta"))
    await database.close()
    with pytest.raises(StoreError, match="another program"):
        await Database.open(database_url, data_dir=tmp_path, clock=clock)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "no url at all", "sqlite:///:memory:"])
async def test_urls_that_name_no_store_are_refused(url, tmp_path, clock):
    """The hint says what a URL looks like."""
    with pytest.raises(BadStoreUrl) as refused:
        await Database.open(url, data_dir=tmp_path, clock=clock)
    assert "sqlite:///PATH" in refused.value.hint


async def test_a_mistake_in_a_read_is_not_taken_for_the_stores_trouble(database):
    """Whatever its kind: it is its caller's to see, and the store is well."""

    def fail(_conn):
        raise RecursionError("a mistake of ours")

    with pytest.raises(RecursionError):
        await database.read(fail)
    assert database.is_healthy


async def test_a_password_that_is_not_escaped_is_not_quoted(tmp_path, clock):
    """A part of it looks like a port."""
    with pytest.raises(BadStoreUrl) as refused:
        await Database.open("postgresql://ann:correct@horse:battery@h/db", data_dir=tmp_path, clock=clock)
    assert "battery" not in f"{refused.value} {refused.value.hint}"


class TestSqliteFile:
    """What can happen to a file."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where the file is."""
        return tmp_path / "rtdash.db"

    @pytest.fixture
    async def store(self, path: Path, clock: ManualClock):
        """A store that gives up on locks soon."""
        opened = await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock, busy_timeout_s=0.05)
        yield opened
        await opened.close()

    async def test_a_watch_that_broke_misses_no_commit(self, store):
        """The number that it compares is its connection's own: a new one begins with the same, whatever was committed meanwhile."""
        await store.heads_moved()
        store._watch.connection.driver_connection.close()
        with pytest.raises(ProgrammingError):
            await store.heads_moved()
        assert await store.probe()
        assert await store.heads_moved()

    async def test_one_process_at_a_time(self, store, path, clock):
        """The second is told the pid of the first."""
        with pytest.raises(StoreLocked) as refused:
            await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)
        assert refused.value.pid == os.getpid()
        assert str(os.getpid()) in refused.value.hint
        await store.write(put("a"))

    async def test_commits_are_durable(self, store):
        """WAL with a synchronised log: an acknowledged write survives a power cut."""
        pragmas = await store.write(
            lambda conn: [conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]
        )
        assert pragmas == ["wal", 2]

    async def test_disk_full(self, store):
        """Nothing of the group is stored, all of it is told; with space again, the store recovers by itself."""

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
            await Database.open(f"sqlite:///file:{path}?mode=ro&uri=true", data_dir=path.parent, clock=clock)

    async def test_locked_for_long(self, store, path):
        """Writes are refused after the timeout, reads go on; when the lock is gone, the store recovers by itself."""
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ran = []
        with pytest.raises(StoreUnavailable) as refused:
            await store.write(ran.append)
        assert refused.value.reason == "locked"
        assert ran == [], "the lock is asked for before anything is read, or two writers could decide on the same rows"
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
        path.write_text("not a database, whatever its name says, and long enough to be looked at" * 100)
        with pytest.raises(StoreUnavailable) as refused:
            await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)
        assert "restore a backup" in refused.value.hint
        path.unlink()
        await (await Database.open(f"sqlite:///{path}", data_dir=path.parent, clock=clock)).close()

    async def test_a_directory_that_can_t_be_made(self, tmp_path, clock):
        """The error says where and why."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="file"):
            await Database.open(f"sqlite:///{tmp_path / 'file' / 'x.db'}", data_dir=tmp_path, clock=clock)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestPostgres:
    """What can happen to connections and transactions of a server."""

    async def test_a_broken_connection_is_replaced(self, database):
        """Writes and reads whose connection was lost before COMMIT are run again on a new one."""
        await database.read(keys)
        pids = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await database.write(lambda conn: conn.exec_driver_sql(pids).all())
        assert await database.read(keys) == set()
        await database.read(lambda conn: conn.exec_driver_sql(pids).all())
        await database.write(put("a"))
        assert await database.read(keys) == {"a"}
        assert database.is_healthy

    async def test_a_deadlock_is_run_again(self, database, database_url, tmp_path, clock):
        """Two processes that lock rows in opposite order both succeed in the end."""
        other = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        await database.write(lambda conn: (put("a")(conn), put("b")(conn)))
        meeting = Barrier(2)

        def touch(first, second):
            rounds = count()

            def write(conn):
                for key in (first, second):
                    conn.execute(meta.update().where(meta.c.key == key), {"value": "2"})
                    if next(rounds) == 0:
                        meeting.wait(PATIENCE_S)

            return write

        await asyncio.gather(database.write(touch("a", "b")), other.write(touch("b", "a")))
        await other.close()

    async def test_many_processes_start_at_once(self, database_url, tmp_path, clock):
        """One makes the tables, the others wait and find them."""
        opened = await asyncio.gather(*(Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(4)))
        epochs = {await one.read(event_log.read_epoch) for one in opened}
        assert len(epochs) == 1
        await asyncio.gather(*(one.close() for one in opened))

    async def test_a_server_that_is_not_there(self, database_url, tmp_path, clock):
        """The error says so, and never shows the password."""
        del database_url
        with pytest.raises(StoreUnavailable) as refused:
            await Database.open("postgresql://someone:hunter2@127.0.0.1:1/none", data_dir=tmp_path, clock=clock)
        assert refused.value.reason == "lost"
        assert "hunter2" not in f"{refused.value} {refused.value.hint}"

    async def test_a_wrong_password_or_database(self, database_url, tmp_path, clock):
        """The server's own words are passed on, with what to check, and never the password."""
        server = make_url(database_url)
        for wrong, words in ((server.set(password="hunter2"), "password authentication failed"), (server.set(database="none"), "none")):
            with pytest.raises(StoreUnavailable, match=words) as refused:
                await Database.open(wrong.render_as_string(hide_password=False), data_dir=tmp_path, clock=clock)
            assert "user and password" in refused.value.hint
            assert "hunter2" not in f"{refused.value} {refused.value.hint}"

    async def test_connections_are_bounded(self, database, database_url):
        """However many reads and writes come at once, a process holds one connection that writes and a few that read."""
        await asyncio.gather(*(database.read(keys) for _ in range(50)), *(database.write(put(f"k{number}")) for number in range(50)))
        count_them = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert await database.read(lambda conn: conn.exec_driver_sql(count_them).scalar_one()) <= 1 + dialects.READERS

    async def test_a_process_that_can_t_hear_of_others_works_alone(self, database_url, tmp_path, clock):
        """Any number with a broker, one without; the place is free again when the process has closed."""
        one, other = [await Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(2)]
        await one.enter_company(alone=False)
        await other.enter_company(alone=False)
        deaf = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        with pytest.raises(StoreLocked) as refused:
            await deaf.enter_company(alone=True)
        assert "--broker redis://" in refused.value.hint
        await asyncio.gather(one.close(), other.close(), deaf.close())
        deaf, late = [await Database.open(database_url, data_dir=tmp_path, clock=clock) for _ in range(2)]
        await deaf.enter_company(alone=True)
        with pytest.raises(StoreLocked):
            await late.enter_company(alone=False)
        await asyncio.gather(deaf.close(), late.close())

    async def test_a_process_that_stands_still_holds_nobody_up_for_long(self, database, database_url, tmp_path, clock, monkeypatch):
        """Another one writes the rows that it had locked; when it goes on, its callers are told to repeat."""
        await database.write(put("a"))
        monkeypatch.setattr(dialects, "STUCK_S", 1)
        frozen = await Database.open(database_url, data_dir=tmp_path, clock=clock)
        has_lock, go_on = Event(), Event()

        def touch(value):
            return lambda conn: conn.execute(meta.update().where(meta.c.key == "a"), {"value": value})

        def stand_still(conn):
            touch("frozen")(conn)
            has_lock.set()
            assert go_on.wait(PATIENCE_S)

        standing = asyncio.ensure_future(frozen.write(stand_still))
        await asyncio.to_thread(has_lock.wait, PATIENCE_S)
        await asyncio.wait_for(database.write(touch("other")), PATIENCE_S)
        go_on.set()
        with pytest.raises(OutcomeUnknown):
            await standing
        assert await database.read(lambda conn: conn.execute(select(meta.c.value).where(meta.c.key == "a")).scalar_one()) == "other"
        await frozen.close()
