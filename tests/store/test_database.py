"""The store's interface: group commit, callers that go away, reads, closing."""

import asyncio
import sqlite3
from threading import Event

import pytest

from rtdash.store.database import Database, OutcomeUnknown, StoreUnavailable
from rtdash.store.errors import RunAgain
from tests.store.writing import PATIENCE_S, busy_writer, keys, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def commits():
    return []


@pytest.fixture
async def observed(database_url, tmp_path, clock, commits):
    """A store that records its transactions, lets few wait, and gives up on locks soon."""
    opened = await Database.open(
        database_url,
        data_dir=tmp_path,
        clock=clock,
        observer=commits.append,
        queue_limit=5,
        busy_timeout_s=0.05,
    )
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
    """The caller of a failed write gets its error; the others of its group are stored."""
    async with busy_writer(observed):
        good, bad, twice, also_good = (
            observed.submit(work)
            for work in (put("a"), lambda _conn: 1 / 0, put("epoch"), put("b"))
        )
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


async def test_a_write_that_wants_to_run_again_gets_a_clean_transaction(observed, commits):
    """Nothing is left of its first run, and what shares the transaction is stored once."""
    runs = []

    def again(conn):
        put("b")(conn)
        runs.append(keys(conn))
        if len(runs) == 1:
            raise RunAgain
        return len(runs)

    async with busy_writer(observed):
        waiting = [observed.submit(work) for work in (put("a"), again, put("c"))]
    assert await asyncio.gather(*waiting) == ["1", 2, "1"]
    assert runs == [{"a", "b"}] * 2
    assert await observed.read(keys) == {"a", "b", "c"}
    assert [commit.size for commit in commits] == [1, 3]


async def test_a_write_that_wants_to_run_for_ever_is_given_up(observed):
    """Three runs, and its caller gets the error."""

    def again(_conn):
        raise RunAgain

    with pytest.raises(RunAgain):
        await observed.write(again)
    assert observed.is_healthy


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
    """The queue is bounded; a write that comes too late is refused at once."""
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
    waiting = [
        asyncio.create_task(observed.read(lambda _conn: release.wait(PATIENCE_S))) for _ in range(5)
    ]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="wait already"):
        await observed.read(keys)
    release.set()
    await asyncio.gather(*waiting)


def break_commit(conn):
    """Make this transaction one that can't be committed."""
    if conn.dialect.name == "sqlite":
        driver = conn.connection.driver_connection
        driver.set_authorizer(
            lambda action, *_: (
                sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK
            )
        )
    else:
        conn.exec_driver_sql("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        conn.exec_driver_sql("INSERT INTO once VALUES (1), (1)")


async def test_a_failed_commit_leaves_the_outcome_unknown_to_all(observed):
    """No caller of the group gets the answer that it was stored, nor that it was not; the next
    write works.
    """
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
    """A read connection can't be used to write past the writer."""
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


async def test_a_mistake_in_a_read_is_not_taken_for_the_stores_trouble(database):
    """An error of any kind goes to its caller, and the store stays ready."""

    def fail(_conn):
        raise RecursionError("a mistake of ours")

    with pytest.raises(RecursionError):
        await database.read(fail)
    assert database.is_healthy
