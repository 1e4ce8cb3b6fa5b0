"""Places in the queue and in a batch: how they are taken and given back."""

import asyncio

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rtdash.bookings import queue
from rtdash.store import batch, event_log
from rtdash.store.database import StoreUnavailable
from tests.bookings.test_queue import Held, waiting
from tests.stores import table

pytestmark = pytest.mark.anyio


async def make_phones_unique(database):
    """From now on, a phone that is known is a row that can't be written."""
    unique = "CREATE UNIQUE INDEX strict ON reservations (customer_phone)"
    await database.write(lambda conn: conn.exec_driver_sql(unique))


def out_of_connections(*_args, **_kwargs):
    """Trouble of the store, whatever is to be written."""
    raise PoolTimeout


async def test_the_queue_is_full_at_its_limit_and_not_before(bookings, database, monkeypatch):
    """The operations of all the requests that wait are counted."""
    monkeypatch.setattr(queue, "QUEUE_LIMIT", 10)
    held = await Held(database).begun()
    tasks = await waiting(bookings, *([table() for _ in range(count)] for count in (6, 3, 1)))
    with pytest.raises(StoreUnavailable) as caught:
        await bookings.apply([table()])
    assert caught.value.reason == "queue_full"
    await held.release()
    assert [len(outcomes) for outcomes in await asyncio.gather(*tasks)] == [6, 3, 1]
    assert bookings._waiting == 0


async def test_a_caller_that_leaves_gives_its_places_back(bookings, database, committed):
    """In the queue and in the batch, where those behind it move up."""
    held = await Held(database).begun()
    first, leaving, last = await waiting(
        bookings, [table()], [table() for _ in range(3)], [table()]
    )
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await held.release()
    await asyncio.gather(first, last)
    assert [len(events) for events, _ in committed] == [2]
    assert (bookings._waiting, bookings._open) == (0, set())


async def test_a_batch_is_full_at_its_limit(bookings, database, committed):
    """Also where the limit is no multiple of the shares."""
    held = await Held(database).begun()
    bulk = [[table() for _ in range(queue.BATCH_LIMIT)] for _ in range(2)]
    tasks = await waiting(bookings, [table()], *bulk)
    await held.release()
    await asyncio.gather(*tasks)
    assert [len(events) for events, _ in committed] == [100, 100, 1]


async def test_one_batch_at_a_time_is_on_its_way(bookings, database, monkeypatch):
    """The requests that come until it runs are in it; they send no other."""
    held = await Held(database).begun()
    sent, submit = [], database.submit

    def count(*args, **kwargs):
        sent.append(args)
        return submit(*args, **kwargs)

    monkeypatch.setattr(database, "submit", count)
    tasks = await waiting(bookings, *([table()] for _ in range(20)))
    await held.release()
    await asyncio.gather(*tasks)
    assert len(sent) == 1


async def test_of_two_operations_one_meets_its_fault_alone(bookings, database):
    """The smallest batch that is redone one by one."""
    await make_phones_unique(database)
    held = await Held(database).begun()
    tasks = await waiting(bookings, *([table(customer_phone="1")] for _ in range(2)))
    await held.release()
    (first,), second = await asyncio.gather(*tasks, return_exceptions=True)
    assert first.seq == 1
    assert isinstance(second, Exception)


async def test_an_atomic_list_that_meets_a_fault_leaves_nothing(bookings, database):
    """A list is not redone one by one, though some of it could be written."""
    await make_phones_unique(database)
    group = [table(customer_phone=phone) for phone in "112"]
    with pytest.raises(Exception, match=r"(?i)unique"):
        await bookings.apply(group, is_atomic=True)
    assert set((await database.read(event_log.read_heads)).values()) == {0}


async def test_trouble_of_the_store_is_no_fault_of_an_operation(bookings, monkeypatch):
    """The batch is not redone one by one: each would meet the same."""
    apart = []
    monkeypatch.setattr(queue, "apply_batch", out_of_connections)
    monkeypatch.setattr(queue, "apply_apart", lambda *args: apart.append(args))
    with pytest.raises(StoreUnavailable) as caught:
        await bookings.apply([table(), table()])
    assert (caught.value.reason, apart) == ("overloaded", [])


async def test_trouble_of_the_store_ends_a_batch_that_is_redone(bookings, database, monkeypatch):
    """No outcome of the operation that met it: all get it, and nothing is stored."""
    await make_phones_unique(database)
    monkeypatch.setattr(batch, "with_savepoint", out_of_connections)
    held = await Held(database).begun()
    tasks = await waiting(bookings, *([table(customer_phone="1")] for _ in range(2)))
    await held.release()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
    assert set((await database.read(event_log.read_heads)).values()) == {0}
