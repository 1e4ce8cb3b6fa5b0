"""Webhooks out in the store: added once, sent by one process, their position kept."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store import event_log, webhook_leases, webhooks
from rtdash.store.database import Database
from rtdash.store.event_log import NewEvent
from rtdash.store.schema import webhooks as table
from rtdash.store.webhooks import WebhookRefused
from tests.stores import GRILL, NOW

pytestmark = pytest.mark.anyio

STREAM = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)
URL = "https://receiver.example/in"


def append(count, *, at=NOW):
    """Events of the stream."""
    message = {"type": "new_reservation", "seq": None, "timestamp": None}
    return lambda conn: event_log.append(conn, [NewEvent(STREAM, message)] * count, now=at)


def add(name="w1", url=URL, stream=STREAM):
    return lambda conn: webhooks.add(conn, name, url, stream, secret="whsec_x", at=NOW)


def end_leases(conn):
    """As if their processes had been dead for longer than a lease."""
    conn.execute(update(table).values(sender_until=1))


async def test_a_webhook_begins_at_the_head(database: Database):
    """Nothing of the past is sent; what comes then is counted as lag, since its instant."""
    await database.write(append(3))
    added = await database.write(add())
    assert (added.position.seq, added.lag_events, added.waiting_since) == (3, 0, None)
    later = NOW + timedelta(minutes=5)
    await database.write(append(2, at=later))
    (found,) = await database.read(webhooks.read_all)
    assert (found.lag_events, found.waiting_since, found.failures) == (2, later, 0)
    page = await database.read(lambda conn: webhooks.read_page(conn, "w1", 10))
    assert page is not None
    assert [event.seq for event in page.events] == [4, 5]


async def test_an_address_gets_a_stream_once(database: Database):
    """And there is a bound."""
    await database.write(add())
    with pytest.raises(WebhookRefused, match="webhook w1"):
        await database.write(add("w2"))
    for number in range(1, webhooks.MAX_WEBHOOKS):
        await database.write(add(f"n{number}", f"{URL}/{number}"))
    with pytest.raises(WebhookRefused, match="remove one first"):
        await database.write(add("more", f"{URL}/more"))
    assert await database.write(lambda conn: webhooks.remove(conn, "w1"))
    assert not await database.write(lambda conn: webhooks.remove(conn, "w1"))
    await database.write(add("more", f"{URL}/more"))


async def test_one_process_holds_a_webhook(database: Database, database_url: str):
    """Another one takes it when the lease is over, and the first can't save any more."""
    await database.write(add())
    assert await database.read(lambda conn: webhook_leases.has_free(conn, "a"))
    assert await database.write(lambda conn: webhook_leases.hold(conn, "a")) == {"w1"}
    assert not await database.read(lambda conn: webhook_leases.has_free(conn, "a"))
    if database_url.startswith("postgresql"):
        assert not await database.read(lambda conn: webhook_leases.has_free(conn, "b"))
        assert await database.write(lambda conn: webhook_leases.hold(conn, "b")) == set()
        await database.write(end_leases)
    assert await database.read(lambda conn: webhook_leases.has_free(conn, "b"))
    assert await database.write(lambda conn: webhook_leases.hold(conn, "b")) == {"w1"}
    epoch = (await database.read(webhooks.read_all))[0].position.epoch

    def save(sender):
        return lambda conn: webhooks.save_delivered(conn, "w1", sender, Position(epoch, 7), at=NOW)

    assert not await database.write(save("a"))
    assert await database.write(save("b"))
    assert (await database.read(webhooks.read_all))[0].position.seq == 7
    await database.write(lambda conn: webhook_leases.release(conn, "b"))
    assert await database.write(lambda conn: webhook_leases.hold(conn, "c")) == {"w1"}


async def test_failures_are_kept_until_a_delivery(database: Database):
    """A final one disables the webhook, and no process takes it."""
    await database.write(add())
    await database.write(lambda conn: webhook_leases.hold(conn, "a"))

    def fail(*, is_final):
        return lambda conn: webhooks.save_failure(
            conn, "w1", "a", "x" * 900, at=NOW, is_final=is_final
        )

    await database.write(fail(is_final=False))
    await database.write(fail(is_final=False))
    (found,) = await database.read(webhooks.read_all)
    assert (found.failures, len(found.failure or ""), found.disabled_at) == (2, 500, None)
    await database.write(
        lambda conn: webhooks.save_delivered(conn, "w1", "a", found.position, at=NOW)
    )
    (found,) = await database.read(webhooks.read_all)
    assert (found.failures, found.failure, found.delivered_at) == (0, None, NOW)
    await database.write(fail(is_final=True))
    assert (await database.read(webhooks.read_all))[0].disabled_at == NOW
    assert await database.write(lambda conn: webhook_leases.hold(conn, "a")) == set()


async def test_what_can_not_be_had_is_a_reset(database: Database):
    """Pruned: on from what the log still has. Another epoch: on from its head."""
    await database.write(add())
    await database.write(append(2))
    await database.write(append(2, at=NOW + timedelta(days=1)))
    await database.write(
        lambda conn: event_log.prune(conn, before=NOW + timedelta(hours=1), limit=10)
    )
    page = await database.read(lambda conn: webhooks.read_page(conn, "w1", 10))
    assert page is not None
    assert (page.reset, page.position.seq, page.events) == ("history_gone", 2, [])
    epoch = await database.write(event_log.draw_epoch)
    page = await database.read(lambda conn: webhooks.read_page(conn, "w1", 10))
    assert page is not None
    assert (page.reset, page.position) == ("epoch_changed", Position(epoch, 4))
    assert await database.read(lambda conn: webhooks.read_page(conn, "none", 10)) is None
