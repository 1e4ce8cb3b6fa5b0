"""Order of the waiting operations, and what their callers get when the store is in trouble."""

import asyncio
from threading import Event

import pytest
from sqlalchemy import event

from rtdash.bookings import OutcomeKind, queue
from rtdash.domain.reservations import Op
from rtdash.store import event_log
from rtdash.store.database import OutcomeUnknown, StoreUnavailable
from tests.stores import GRILL, table, then

pytestmark = pytest.mark.anyio
PATIENCE_S = 30


class Held:
    """The writer is busy until `release`."""

    def __init__(self, database):
        self._began, self._release = Event(), Event()
        self._held = database.submit(self._hold)

    def _hold(self, _conn):
        self._began.set()
        assert self._release.wait(PATIENCE_S)

    async def begun(self):
        """Wait until the writer is busy."""
        await asyncio.to_thread(self._began.wait, PATIENCE_S)
        return self

    async def release(self):
        """Let it go on."""
        self._release.set()
        await self._held


async def waiting(bookings, *requests):
    """Tasks of requests that stand in the queue, in order."""
    tasks = [asyncio.create_task(bookings.apply(request)) for request in requests]
    await asyncio.sleep(0)
    return tasks


def spoil(conn):
    """Make the COMMIT of this transaction fail."""
    if conn.dialect.name == "sqlite":
        conn.connection.driver_connection.set_authorizer(lambda action, *_: int(action == 22))
    else:
        conn.exec_driver_sql("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        conn.exec_driver_sql("INSERT INTO once VALUES (1), (1)")


async def test_nothing_to_apply_is_no_outcome(bookings):
    """An empty request doesn't wait for the store."""
    assert await bookings.apply([]) == []


async def test_requests_that_wait_share_a_transaction(bookings, database, committed):
    """Group commit: one transaction for all that came while another one ran."""
    held = await Held(database).begun()
    tasks = await waiting(bookings, *([table()] for _ in range(20)))
    await held.release()
    outcomes = await asyncio.gather(*tasks)
    assert {outcome.result for (outcome,) in outcomes} == {OutcomeKind.APPLIED}
    assert [len(events) for events, _ in committed] == [20]


async def test_a_transaction_is_bounded(bookings, committed):
    """A large request takes several; its outcomes come together, in order."""
    operations = [table() for _ in range(250)]
    outcomes = await bookings.apply(operations)
    assert [outcome.operation_id for outcome in outcomes] == [
        operation.operation_id for operation in operations
    ]
    assert [outcome.seq for outcome in outcomes] == list(range(1, 251))
    assert [len(events) for events, _ in committed] == [100, 100, 50]


async def test_a_bulk_load_holds_nobody_up(bookings, database, committed):
    """A single operation that comes after a thousand is in the next transaction."""
    held = await Held(database).begun()
    single = table()
    bulk_task, single_task = await waiting(bookings, [table() for _ in range(1_000)], [single])
    await held.release()
    await asyncio.gather(bulk_task, single_task)
    first, _ = committed[0]
    assert any(single.operation_id.encode() in event.body for event in first)
    assert len(first) == 100


async def test_commits_are_told_in_order(bookings, committed):
    """Every number once, rising, before the outcome leaves."""

    async def apply():
        (outcome,) = await bookings.apply([table()])
        assert outcome.seq in {event.seq for events, _ in committed for event in events}

    await asyncio.gather(*(apply() for _ in range(200)))
    assert [event.seq for events, _ in committed for event in events] == list(range(1, 201))


async def test_too_many_waiting_operations_are_refused(bookings, database, monkeypatch):
    """The refusal comes at once; the operations that wait are applied."""
    monkeypatch.setattr(queue, "QUEUE_LIMIT", 10)
    held = await Held(database).begun()
    (task,) = await waiting(bookings, [table() for _ in range(10)])
    with pytest.raises(StoreUnavailable, match="wait already"):
        await bookings.apply([table()])
    await held.release()
    assert len(await task) == 10
    assert len(await bookings.apply([table()])) == 1


async def test_a_caller_that_leaves_breaks_nothing(bookings, database):
    """The caller's operations may be left out; those of all other callers are applied, and none
    twice.
    """
    held = await Held(database).begun()
    leaving, staying = await waiting(bookings, [table()], [table()])
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await held.release()
    (outcome,) = await staying
    assert outcome.result is OutcomeKind.APPLIED
    heads = await database.read(event_log.read_heads)
    assert sum(heads.values()) == 1


async def test_what_could_not_be_stored_is_told_to_all_that_wait(bookings, database):
    """A failed COMMIT: outcome unknown, no event; the same operations can be repeated."""
    held = await Held(database).begun()
    operations = [table(), table()]
    tasks = await waiting(bookings, *([operation] for operation in operations))

    spoiled = database.submit(spoil)
    await held.release()
    for outcome in await asyncio.gather(*tasks, spoiled, return_exceptions=True):
        assert isinstance(outcome, OutcomeUnknown)
    assert set((await database.read(event_log.read_heads)).values()) == {0}
    outcomes = await bookings.apply(operations)
    assert [outcome.result for outcome in outcomes] == [OutcomeKind.APPLIED] * 2


async def test_no_operation_overtakes_an_earlier_one_of_its_request_that_failed(bookings, database):
    """Though the loop learns late of the failure: repeated, all of them are applied in their
    order.
    """
    (booked,) = await bookings.apply([table()])
    amend = [then(Op.AMEND, booked.reservation_id, guests=guests) for guests in (3, 4)]
    request = [*(table() for _ in range(queue.BATCH_LIMIT - 1)), *amend]
    held = await Held(database).begun()
    (task,) = await waiting(bookings, request)
    is_run, may_commit = Event(), Event()

    def spoil_slowly(conn):
        spoil(conn)
        is_run.set()
        assert may_commit.wait(PATIENCE_S)

    spoiled = database.submit(spoil_slowly)
    await held.release()
    await asyncio.to_thread(is_run.wait, PATIENCE_S)
    # until the rest of the request is on its way, too; no signal says so
    while not bookings._is_announced:  # noqa: ASYNC110
        await asyncio.sleep(0)
    are_run = Event()
    behind = database.submit(lambda _: are_run.set())
    may_commit.set()
    assert are_run.wait(PATIENCE_S), "the loop stands still until both batches have been run"
    for outcome in await asyncio.gather(task, spoiled, return_exceptions=True):
        assert isinstance(outcome, OutcomeUnknown)
    await behind
    assert [outcome.result for outcome in await bookings.apply(request)] == [
        OutcomeKind.APPLIED
    ] * len(request)


async def test_a_fault_in_one_operation_is_its_callers_alone(bookings, database, committed):
    """A row that can't be written (a bug, never bad input) fails alone: the others of its batch are
    redone one by one.
    """
    await database.write(
        lambda conn: conn.exec_driver_sql(
            "CREATE UNIQUE INDEX strict ON reservations (customer_phone)"
        )
    )
    held = await Held(database).begun()
    tasks = await waiting(bookings, *([table(customer_phone=phone)] for phone in "112"))
    await held.release()
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(second, Exception)
    assert not isinstance(second, StoreUnavailable)
    assert [outcome.seq for outcome in (*first, *third)] == [1, 2]
    assert [(len(events), venues) for events, venues in committed] == [(2, {GRILL.id})]
    assert database.is_healthy


async def test_a_list_has_savepoints_only_after_a_fault(bookings, database):
    """SQLite copies each page that changes behind one, PostgreSQL waits for each."""
    statements = []
    event.listen(
        database._engines.writer,
        "before_cursor_execute",
        lambda _conn, _cursor, statement, *_: statements.append(statement),
    )
    await bookings.apply([table() for _ in range(3)])
    assert not any("SAVEPOINT" in statement for statement in statements), statements
    unique = "CREATE UNIQUE INDEX strict ON reservations (customer_phone)"
    await database.write(lambda conn: conn.exec_driver_sql(unique))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await bookings.apply([table(customer_phone=phone) for phone in "112"])
    assert sum(statement == "SAVEPOINT apart" for statement in statements) == 3, statements


async def test_a_batch_that_never_began_is_told_to_all_that_wait(bookings, database):
    """A store that can't begin a transaction refuses what waits, and takes the next operations when
    it can.
    """
    await database.close()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await bookings.apply([table()])
        assert bookings._waiting == 0


async def test_closing_applies_what_waits(bookings, database):
    """What was accepted gets its outcome; what comes after is refused."""
    (task,) = await waiting(bookings, [table() for _ in range(150)])
    await bookings.finish()
    assert len(await task) == 150
    with pytest.raises(StoreUnavailable, match=r"^the server is closing$") as caught:
        await bookings.apply([table()])
    assert caught.value.reason == "closed"
    assert (await database.read(event_log.read_heads))[GRILL.id, "restaurant_reservations"] == 150
