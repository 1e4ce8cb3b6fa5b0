"""A store on which a newer version of rtdash works as well (a rolling update), with a channel that
this one doesn't know: its rows harm nothing, and stay.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from rtdash.broker.notices import Notice, NoticeCodec
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store import event_log, schema, sessions, webhook_leases, webhooks
from rtdash.store.changed_heads import read_changed_heads
from rtdash.store.event_log import NewEvent
from rtdash.store.sessions import Confirmation, StoredSession
from rtdash.store.venues import save_venues
from rtdash.store.webhook_table import webhooks as webhook_rows
from tests.stores import HOTEL, NOW, VENUES

pytestmark = pytest.mark.anyio

NEW = "hotel_housekeeping"
ROOMS = Stream(HOTEL.id, Channel.HOTEL_RESERVATIONS)
TTL = timedelta(minutes=10)
SESSION = StoredSession(
    id="s1",
    sub="anna",
    process="p1",
    asked_at=NOW,
    subscriptions={HOTEL.id: (Channel.HOTEL_RESERVATIONS,)},
    positions={ROOMS: Position("e1", 3)},
)


@pytest.fixture
async def shared(database):
    """A store with an event of the new channel, as the newer version writes it."""
    await database.write(lambda conn: save_venues(conn, VENUES))
    key, now_ms = {"venue": HOTEL.id, "channel": NEW, "seq": 1}, int(NOW.timestamp() * 1000)

    def write(conn):
        conn.execute(insert(schema.heads), {**key, "changed_at": now_ms})
        conn.execute(insert(schema.events), {**key, "appended_at": now_ms, "body": "{}"})

    await database.write(write)
    return database


async def test_its_events_are_passed_over(shared):
    """Polls, reads of all heads, and writes of the same venue see nothing of them; old ones are
    pruned as ever.
    """
    heads, mark = await shared.read(lambda conn: read_changed_heads(conn, NOW))
    assert heads == {}
    event = NewEvent(ROOMS, {"timestamp": "", "seq": 0})
    await shared.write(lambda conn: event_log.append(conn, [event], now=NOW))
    heads, _ = await shared.read(lambda conn: read_changed_heads(conn, NOW, mark))
    assert heads == {ROOMS: 1}
    assert (await shared.read(event_log.read_heads))[ROOMS] == 1
    before = NOW + timedelta(days=1)
    assert await shared.write(lambda conn: event_log.prune(conn, before=before)) == 2


async def test_its_sessions_are_left_to_it(shared):
    """Sessions with such a channel are unknown here, and stay as they are: a resume without it would
    lose events. Confirmations of others beside them are saved.
    """
    for one in (SESSION, replace(SESSION, id="s2")):
        await shared.write(lambda conn, one=one: sessions.save(conn, one, now=NOW))
    theirs = schema.sessions.c.id == "s1"
    rows = update(schema.sessions).where(theirs).values(subscriptions=f'{{"{HOTEL.id}":["{NEW}"]}}')
    await shared.write(lambda conn: conn.execute(rows))
    assert await shared.read(lambda conn: sessions.load(conn, "s1", now=NOW, ttl=TTL)) is None
    taken = await shared.write(
        lambda conn: sessions.take_over(
            conn, "s1", sub="anna", process="p2", asked_at=NOW, now=NOW, ttl=TTL
        )
    )
    assert taken is None
    further = {ROOMS: Position("e1", 5)}
    confirmed = [Confirmation(name, 1, further) for name in ("s1", "s2")]
    await shared.write(lambda conn: sessions.confirm(conn, confirmed))
    ours = await shared.read(lambda conn: sessions.load(conn, "s2", now=NOW, ttl=TTL))
    assert ours.positions == further
    kept = select(schema.sessions.c.subscriptions, schema.sessions.c.generation).where(theirs)
    (row,) = await shared.read(lambda conn: conn.execute(kept).all())
    assert NEW in row.subscriptions
    assert row.generation == 1


async def test_its_webhooks_are_left_to_it(shared):
    """Webhooks of known channels are sent from here, the others aren't even held."""
    for name, url in (("w1", "http://a.example"), ("w2", "http://b.example")):
        await shared.write(
            lambda conn, name=name, url=url: webhooks.add(
                conn, name, url, ROOMS, secret="x", at=NOW
            )
        )
    theirs = update(webhook_rows).where(webhook_rows.c.id == "w2").values(channel=NEW)
    await shared.write(lambda conn: conn.execute(theirs))
    assert [one.id for one in await shared.read(webhooks.read_all)] == ["w1"]
    assert await shared.write(lambda conn: webhook_leases.hold(conn, "p1")) == {"w1"}
    assert not await shared.read(lambda conn: webhook_leases.has_free(conn, "p1"))


def test_its_notices_are_no_forgeries():
    """Signed with the same key, a notice is dropped, and neither counted nor warned of."""
    codec = NoticeCodec(b"k" * 32)
    data = codec.encode(Notice(Stream(HOTEL.id, NEW), "e1", 1, ()))
    assert codec.decode(data) == ()
    assert codec.rejected == 0
