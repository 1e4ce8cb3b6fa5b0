"""The log: numbers without gaps, pages, floors, pruning, epochs."""

import asyncio
import json
from datetime import timedelta

import pytest

from rtdash.protocol.channels import Channel, Stream
from rtdash.store import event_log
from rtdash.store.database import Database
from rtdash.store.event_log import NewEvent
from tests.stores import GRILL, HOTEL, NOW

pytestmark = pytest.mark.anyio

ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)
NOTES = Stream(HOTEL.id, Channel.HOTEL_NOTIFICATIONS)
TABLES = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)


def event(stream, text="x"):
    """An event whose message leaves the places of seq and timestamp."""
    return NewEvent(
        stream,
        {
            "type": "notification",
            "timestamp": "",
            "body": text,
            "channel": stream.channel.value,
            "seq": 0,
        },
    )


def append(*events, now=NOW):
    return lambda conn: event_log.append(conn, events, now=now)


def seqs(stream, after=0, limit=10_000):
    return lambda conn: [stored.seq for stored in event_log.read_events(conn, stream, after, limit)]


async def test_each_stream_counts_for_itself(database):
    """Numbers start at 1 and follow the order given, stream by stream; what comes back is what was
    stored.
    """
    stored = await database.write(
        append(event(ROOMS, "a"), event(NOTES, "b"), event(ROOMS, "c"), event(TABLES, "d"))
    )
    assert [(one.stream, one.seq) for one in stored] == [
        (ROOMS, 1),
        (NOTES, 1),
        (ROOMS, 2),
        (TABLES, 1),
    ]
    assert await database.read(lambda conn: event_log.read_events(conn, ROOMS, 0, 10)) == [
        stored[0],
        stored[2],
    ]


async def test_messages_carry_their_number_and_the_instant_of_appending(database):
    """In the place that the message left for them."""
    (stored,) = await database.write(append(event(ROOMS)))
    body = json.loads(stored.body)
    assert list(body) == ["type", "timestamp", "body", "channel", "seq"]
    assert (body["seq"], body["timestamp"]) == (1, "2026-03-10T12:00:00.000Z")


async def test_numbers_have_no_gap_under_concurrent_writers(
    database, database_url, tmp_path, clock
):
    """Many tasks, and two processes where the engine takes them: 1 to n, each once, in the order of
    commit.
    """
    stores = [database]
    if database._engines.file is None:
        stores.append(await Database.open(database_url, data_dir=tmp_path, clock=clock))

    async def write(number):
        if number % 7 == 0:
            with pytest.raises(ZeroDivisionError):
                await stores[number % len(stores)].write(
                    lambda conn: (append(event(ROOMS))(conn), 1 / 0)
                )
            return []
        return await stores[number % len(stores)].write(
            append(event(ROOMS), event(NOTES), event(ROOMS))
        )

    written = [
        stored.seq
        for group in await asyncio.gather(*map(write, range(60)))
        for stored in group
        if stored.stream == ROOMS
    ]
    assert sorted(written) == list(range(1, len(written) + 1))
    assert await database.read(seqs(ROOMS)) == sorted(written)
    await asyncio.gather(*(store.close() for store in stores[1:]))


async def test_what_is_rolled_back_uses_no_number(database):
    """The next event takes the number that was never committed."""
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda conn: (append(event(ROOMS))(conn), 1 / 0))
    (stored,) = await database.write(append(event(ROOMS)))
    assert stored.seq == 1


async def test_an_unknown_venue_has_no_stream(database):
    """A bug in the caller, not a new stream."""
    with pytest.raises(LookupError):
        await database.write(append(event(Stream("nowhere", Channel.HOTEL_RESERVATIONS))))


async def test_pages(database):
    """`after` and `limit` cut pages that join without gap or overlap."""
    await database.write(append(*(event(ROOMS) for _ in range(5))))
    assert await database.read(seqs(ROOMS, 0, 2)) == [1, 2]
    assert await database.read(seqs(ROOMS, 2, 2)) == [3, 4]
    assert await database.read(seqs(ROOMS, 5, 2)) == []


async def test_heads(database):
    """Every stream has a head, 0 before its first event; one can ask for some."""
    await database.write(append(event(ROOMS), event(ROOMS), now=NOW))
    await database.write(append(event(TABLES), now=NOW + timedelta(minutes=1)))
    heads = await database.read(event_log.read_heads)
    assert (heads[ROOMS], heads[TABLES], heads[NOTES], len(heads)) == (2, 1, 0, 6)
    nowhere = Stream("nowhere", Channel.HOTEL_RESERVATIONS)
    assert await database.read(lambda conn: event_log.read_heads(conn, [ROOMS, nowhere])) == {
        ROOMS: 2,
        nowhere: 0,
    }


async def test_heads_of_more_venues_than_a_statement_names(database, monkeypatch):
    """Are read in parts; a stream that is nowhere has none."""
    monkeypatch.setattr(event_log, "_VENUES", 1)
    await database.write(append(event(ROOMS), event(ROOMS), now=NOW))
    nowhere = Stream("nowhere", Channel.HOTEL_RESERVATIONS)
    asked = [ROOMS, TABLES, nowhere]
    assert await database.read(lambda conn: event_log.read_heads(conn, asked)) == {
        ROOMS: 2,
        TABLES: 0,
        nowhere: 0,
    }


async def test_pruning_goes_by_time_of_appending_from_the_low_end(database):
    """At most `limit` in all streams together; heads stay, and the floor says from where the log
    can be followed.
    """
    await database.write(append(*(event(ROOMS) for _ in range(3)), event(TABLES), now=NOW))
    await database.write(append(event(ROOMS), now=NOW + timedelta(hours=1)))
    before = NOW + timedelta(minutes=1)
    assert await database.write(lambda conn: event_log.prune(conn, before=before, limit=3)) == 3
    assert await database.write(lambda conn: event_log.prune(conn, before=before, limit=3)) == 1
    assert await database.write(lambda conn: event_log.prune(conn, before=before, limit=3)) == 0
    assert await database.read(seqs(ROOMS)) == [4]
    floors = [
        await database.read(lambda conn, stream=stream: event_log.read_floor(conn, stream))
        for stream in (ROOMS, TABLES, NOTES)
    ]
    assert floors == [3, 1, 0]
    assert (await database.read(event_log.read_heads))[ROOMS] == 4


async def test_pruning_never_leaves_a_hole(database):
    """An event with an older clock behind a younger one waits until that one goes."""
    await database.write(append(event(ROOMS), now=NOW + timedelta(hours=1)))
    await database.write(append(event(ROOMS), now=NOW))
    assert (
        await database.write(lambda conn: event_log.prune(conn, before=NOW + timedelta(minutes=1)))
        == 0
    )
    assert await database.read(seqs(ROOMS)) == [1, 2]
    assert (
        await database.write(lambda conn: event_log.prune(conn, before=NOW + timedelta(hours=2)))
        == 2
    )


async def test_a_stream_that_cant_be_cut_keeps_no_other_from_being_cut(database):
    """The clock was a year ahead for a moment: what came after has to stay, however much of it
    there is, and the rest goes.
    """
    await database.write(append(event(ROOMS), now=NOW + timedelta(days=365)))
    await database.write(append(*[event(ROOMS)] * 5, now=NOW))
    await database.write(append(event(TABLES), now=NOW + timedelta(minutes=1)))
    before = NOW + timedelta(hours=1)
    assert await database.write(lambda conn: event_log.prune(conn, before=before, limit=3)) == 1
    assert await database.read(seqs(TABLES)) == []
    assert len(await database.read(seqs(ROOMS))) == 6


async def test_a_new_epoch_replaces_the_old_one(database):
    """The name changes, the events stay."""
    await database.write(append(event(ROOMS)))
    first = await database.read(event_log.read_epoch)
    drawn = await database.write(event_log.draw_epoch)
    assert drawn != first
    assert await database.read(event_log.read_epoch) == drawn
    assert await database.read(seqs(ROOMS)) == [1]
