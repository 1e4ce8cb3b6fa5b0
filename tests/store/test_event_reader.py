"""The log as the relay reads it, on every store."""

from datetime import timedelta

import pytest

from rtdash.protocol.channels import Channel, Stream
from rtdash.store import event_log
from rtdash.store.database import Database
from rtdash.store.event_log import NewEvent
from rtdash.store.event_reader import EventReader
from tests.stores import HOTEL, NOW

pytestmark = pytest.mark.anyio

ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)
NOTES = Stream(HOTEL.id, Channel.HOTEL_NOTIFICATIONS)


async def test_heads_and_events_are_read(database: Database) -> None:
    """Heads and events of the streams asked for, or of all that changed since an instant."""
    events = [NewEvent(NOTES, {"timestamp": "", "seq": 0})] * 3
    stored = await database.write(lambda conn: event_log.append(conn, events, now=NOW))
    log = EventReader(database)
    assert (await log.read_heads((NOTES, ROOMS)))[1] == {NOTES: 3, ROOMS: 0}
    found = await log.read_changed_heads(NOW, None)
    assert (found.epoch, found.heads) == ((await log.read_heads())[0], {NOTES: 3})
    assert (await log.read_changed_heads(NOW, found.mark)).heads == {}
    assert (await log.read_changed_heads(NOW + timedelta(seconds=1), None)).heads == {}
    assert await log.events(NOTES, 1, 5) == stored[1:]


async def test_pruning_raises_the_floor(database: Database) -> None:
    """What can still be followed begins behind what is gone."""
    events = [NewEvent(NOTES, {"timestamp": "", "seq": 0})] * 3
    await database.write(lambda conn: event_log.append(conn, events, now=NOW))
    log = EventReader(database)
    assert await log.floor(NOTES) == 0
    await database.write(
        lambda conn: event_log.prune(conn, before=NOW + timedelta(seconds=1), limit=2)
    )
    assert await log.floor(NOTES) == 2


async def test_an_epoch_is_replaced_once(database: Database) -> None:
    """Two processes that find the same log behind agree on its new name."""
    log = EventReader(database)
    seen, _ = await log.read_heads()
    drawn = await log.draw_epoch(seen)
    assert drawn != seen
    assert await log.draw_epoch(seen) == drawn
    assert (await log.read_heads())[0] == drawn


async def test_a_write_moves_the_log(database: Database) -> None:
    """After it the heads are worth a look."""
    log = EventReader(database)
    await log.has_moved()
    await database.write(
        lambda conn: event_log.append(conn, [NewEvent(NOTES, {"timestamp": "", "seq": 0})], now=NOW)
    )
    assert await log.has_moved()
