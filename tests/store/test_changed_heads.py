"""Heads that have changed: found by what was committed since, at the price of that alone."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from rtdash.protocol.channels import Channel, Stream
from rtdash.store import changed_heads, dialects, event_log, schema
from rtdash.store.changed_heads import read_changed_heads
from rtdash.store.database import Database
from rtdash.store.event_log import NewEvent
from rtdash.store.venues import save_venues
from tests.stores import GRILL, HOTEL, NOW, VENUES

pytestmark = pytest.mark.anyio

ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)
NOTES = Stream(HOTEL.id, Channel.HOTEL_NOTIFICATIONS)
TABLES = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)
SECOND = timedelta(seconds=1)


async def grow(database, *streams, at=NOW):
    events = [NewEvent(stream, {"timestamp": "", "seq": 0}) for stream in streams]
    await database.write(lambda conn: event_log.append(conn, events, now=at))


async def changed(database, mark=None, since=NOW):
    return await database.read(lambda conn: read_changed_heads(conn, since, mark))


@pytest.fixture
async def file(tmp_path, clock):
    """A store in a SQLite file, with its venues."""
    opened = await Database.open(
        f"sqlite:///{tmp_path / 'rtdash.db'}", data_dir=tmp_path, clock=clock
    )
    await opened.write(lambda conn: save_venues(conn, VENUES))
    yield opened
    await opened.close()


async def test_the_first_read_asks_for_what_is_recent(database):
    """By the instants of the events; an empty log has none."""
    assert (await changed(database))[0] == {}
    await grow(database, ROOMS, ROOMS)
    await grow(database, TABLES, at=NOW + 60 * SECOND)
    assert (await changed(database, since=NOW + SECOND))[0] == {TABLES: 1}
    assert (await changed(database))[0] == {ROOMS: 2, TABLES: 1}


async def test_the_next_read_finds_what_was_committed_since(database):
    """Each change once, and nothing that is as it was."""
    await grow(database, ROOMS, NOTES)
    _, mark = await changed(database)
    assert (await changed(database, mark))[0] == {}
    await grow(database, ROOMS, TABLES, ROOMS)
    heads, following = await changed(database, mark)
    assert heads == {ROOMS: 3, TABLES: 1}
    assert (await changed(database, following))[0] == {}
    assert (await changed(database, mark))[0] == heads, "a read whose answer was lost is made up"


async def test_a_file_gives_events_that_are_stamped_long_before(file):
    """There is no limit to how old an event may be that was committed since."""
    await grow(file, ROOMS)
    _, mark = await changed(file)
    await grow(file, TABLES, at=NOW - timedelta(days=1))
    assert (await changed(file, mark))[0] == {TABLES: 1}


@pytest.mark.parametrize("number", [3, 4, 5])
async def test_a_long_read_goes_page_by_page(file, monkeypatch, number):
    """Whether or not the last page is full."""
    monkeypatch.setattr(changed_heads, "PAGE_ROWS", 2)
    await grow(file, ROOMS)
    _, mark = await changed(file)
    await grow(file, *[NOTES] * number, TABLES)
    heads, following = await changed(file, mark)
    assert heads == {NOTES: number, TABLES: 1}
    await grow(file, ROOMS)
    assert (await changed(file, following))[0] == {ROOMS: 2}


async def test_a_mark_that_was_pruned_is_no_mark(file):
    """The mark's number may be another row's by then: what is recent is read instead."""
    await grow(file, ROOMS)
    _, mark = await changed(file)
    await file.write(lambda conn: conn.execute(delete(schema.events)))
    await grow(file, TABLES)
    heads, following = await changed(file, mark)
    assert heads == {TABLES: 1}
    await grow(file, NOTES)
    assert (await changed(file, following))[0] == {NOTES: 1}


async def test_rows_that_were_numbered_anew(file):
    """As VACUUM may do it: the mark's number is another row's then."""
    await grow(file, ROOMS, ROOMS, ROOMS)
    _, mark = await changed(file)
    low = schema.events.c.seq <= 2
    await file.write(lambda conn: conn.execute(delete(schema.events).where(low)))
    await file.write(lambda conn: conn.exec_driver_sql("UPDATE events SET rowid = rowid - 2"))
    await grow(file, TABLES, NOTES)
    assert (await changed(file, mark))[0] == {ROOMS: 3, TABLES: 1, NOTES: 1}


async def test_no_read_goes_through_the_log(database):
    """Whatever its length, it is read by the index of instants, or from the mark on."""

    def plan(conn):
        text = changed_heads._READ_LATELY._compile(conn).sql
        if dialects.has_row_locks(conn):
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a few rows are read anyhow
            return str(conn.exec_driver_sql(f"EXPLAIN {text}", {"since": 1}).all())
        rows = changed_heads._READ_ROWS._compile(conn).sql
        behind = str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {rows}", (1, 1)).all())
        assert "SEARCH events USING INTEGER PRIMARY KEY" in behind
        return str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,)).all())

    steps = await database.read(plan)
    assert "events_by_time" in steps
    assert "SCAN events" not in steps
