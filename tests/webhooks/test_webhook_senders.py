"""Webhooks of one process and of two, on a real store and with real receivers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.store import event_log, webhook_leases
from rtdash.store import webhooks as store
from rtdash.store.database import Database, StoreUnavailable
from rtdash.store.event_log import NewEvent
from rtdash.webhooks import WebhookSenders
from tests.stores import GRILL, NOW, ManualClock, anyio_backend, clock, database, database_url
from tests.webhooks.receivers import LIMIT_S, ReceiverServer, in_order

__all__ = ["anyio_backend", "clock", "database", "database_url"]

STREAM = Stream(GRILL.id, Channel.RESTAURANT_RESERVATIONS)
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ALLOWED = AllowedAddresses.parse("127.0.0.1")
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


async def append(database: Database, count: int, *, at: Any = NOW) -> None:
    """Events of the stream."""
    message = {"type": "new_reservation", "seq": None, "timestamp": None}
    await database.write(
        lambda conn: event_log.append(conn, [NewEvent(STREAM, message)] * count, now=at)
    )


async def add(database: Database, receiver: ReceiverServer, name: str = "w1") -> None:
    await database.write(
        lambda conn: store.add(conn, name, receiver.url, STREAM, secret=SECRET, at=NOW)
    )


async def until(condition: Callable[[], Any]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  what a receiver's thread does is looked at
            await asyncio.sleep(0.02)


@asynccontextmanager
async def process(database: Database) -> AsyncIterator[WebhookSenders]:
    """The webhooks of a process, running."""
    made = WebhookSenders(database, ManualClock(), ALLOWED)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None


async def test_pruning_that_overtakes_is_said(database: Database) -> None:
    """A reset, then what the log still has; each is sent only after the one before was taken."""
    receiver = ReceiverServer(answer=lambda _: (200 if len(receiver.attempts) > 2 else 500, {}))
    with receiver.running():
        await add(database, receiver)
        await append(database, 3)
        await append(database, 2, at=NOW + timedelta(days=1))
        await database.write(
            lambda conn: event_log.prune(conn, before=NOW + timedelta(hours=1), limit=10)
        )
        async with process(database):
            await until(lambda: len(receiver.taken) == 3)
    reset, *events = [one.message for one in receiver.taken]
    assert reset["type"] == "reset"
    assert reset["data"]["reason"] == "history_gone"
    assert reset["data"]["position"] == reset["position"]
    assert reset["position"]["seq"] == 3
    assert [one["position"]["seq"] for one in events] == [4, 5]
    assert {one.id for one in receiver.attempts[:3]} == {receiver.taken[0].id}


async def test_another_epoch_is_said(database: Database) -> None:
    """And it goes on from the head, as sockets do."""
    with ReceiverServer().running() as receiver:
        await add(database, receiver)
        await append(database, 2)
        epoch = await database.write(event_log.draw_epoch)
        async with process(database):
            await until(lambda: receiver.taken)
            await append(database, 1)
            await until(lambda: len(receiver.taken) == 2)
    reset, event = [one.message for one in receiver.taken]
    assert (reset["data"]["reason"], reset["position"]) == (
        "epoch_changed",
        {"epoch": epoch, "seq": 2},
    )
    assert event["position"] == {"epoch": epoch, "seq": 3}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_send_once(database: Database) -> None:
    """One holds the webhook; when it ends, the other goes on at once behind it."""
    with ReceiverServer().running() as receiver:
        await add(database, receiver)
        async with process(database) as second:
            async with process(database) as first:
                await append(database, 20)
                await until(lambda: len(receiver.taken) == 20)
                await until(lambda: first._running or second._running)
                assert not (first._running and second._running)
            await append(database, 5)
            await until(lambda: len(receiver.taken) >= 25)
        assert len(receiver.attempts) == 25
        assert receiver.seqs == list(range(1, 26))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_webhook_of_a_dead_process_is_taken(database: Database) -> None:
    """When its lease is over, and not before."""
    with ReceiverServer().running() as receiver:
        await add(database, receiver)
        assert await database.write(lambda conn: webhook_leases.hold(conn, "dead")) == {"w1"}
        held_at = asyncio.get_running_loop().time()
        await append(database, 3)
        async with process(database):
            await until(lambda: receiver.attempts)
            assert asyncio.get_running_loop().time() - held_at >= webhook_leases.LEASE_S - 1
            await until(lambda: len(receiver.taken) == 3)


async def test_what_can_not_be_saved_is_not_sent_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store takes no writes, a sender waits with what it has delivered."""
    save, is_broken = store.save_delivered, True
    tried = 0

    def failing(*arguments: Any, **named: Any) -> bool:
        nonlocal tried
        tried += 1
        if is_broken:
            raise StoreUnavailable("the disk is full", reason="full")
        return save(*arguments, **named)

    monkeypatch.setattr(store, "save_delivered", failing)
    with ReceiverServer().running() as receiver:
        await add(database, receiver)
        await append(database, 3)
        async with process(database):
            await until(lambda: tried >= 3)
            assert len(receiver.attempts) == 3
            is_broken = False
            await append(database, 1)
            await until(lambda: len(receiver.taken) == 4)
        assert len(receiver.attempts) == 4


async def test_many_receivers_that_hang_hold_nothing_up(database: Database) -> None:
    """Neither another webhook nor the end of the process."""
    release = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with ReceiverServer().running() as receiver:
        for number in range(30):
            dead = ReceiverServer(port=port)
            url = f"{dead.url}/{number}"
            await database.write(
                lambda conn, number=number, url=url: store.add(
                    conn, f"dead{number}", url, STREAM, secret=SECRET, at=NOW
                )
            )
        await add(database, receiver)
        await append(database, 10)
        async with process(database) as here:
            await until(lambda: len(receiver.taken) == 10)
            assert not here._counts["failed"], "it waited for one that hangs"
        assert in_order(receiver.seqs) == list(range(1, 11))
    release.set()
    server.close()
