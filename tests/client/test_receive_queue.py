"""The queue between the connection and the application."""

import asyncio

import pytest

from rtdash.client.receive_queue import ReceiveQueue

pytestmark = pytest.mark.anyio


async def test_gives_out_in_order():
    """First in, first out."""
    inbox = ReceiveQueue(10)
    for number in range(3):
        inbox.put(number)
    assert [await inbox.get() for _ in range(3)] == [0, 1, 2]


async def test_full_inbox_makes_its_writer_wait():
    """There is no room from the limit on, and again when half of it is free."""
    inbox = ReceiveQueue(4)
    for number in range(4):
        await inbox.room()
        inbox.put(number)
    waiting = asyncio.create_task(inbox.room())
    await inbox.get()
    await asyncio.sleep(0)
    assert not waiting.done()
    await inbox.get()
    await asyncio.wait_for(waiting, 30)


async def test_cancelled_wait_loses_nothing():
    """What was put stays, whatever happens to tasks that wait for room or for an item."""
    inbox = ReceiveQueue(1)
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    getting.cancel()
    inbox.put("only")
    waiting = asyncio.create_task(inbox.room())
    await asyncio.sleep(0)
    waiting.cancel()
    assert await inbox.get() == "only"
