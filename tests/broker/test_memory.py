"""The broker of a single process."""

import asyncio

import pytest

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.memory import MemoryBroker
from tests.fakes import BOOKINGS

NOTICE = Notice(BOOKINGS, "e1", 1, (b"{}",))


def test_a_listener_that_does_not_read_loses_notices_and_holds_nobody_up() -> None:
    """The listener's queue is bounded; publishing never waits."""

    async def body() -> None:
        broker = MemoryBroker()
        listener = broker.listen()
        first = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        for _ in range(5_000):
            await broker.publish((NOTICE,))
        taken = [await first, *[await anext(listener) for _ in range(500)]]
        assert taken == [NOTICE] * 501
        assert all(queue.qsize() < 1_000 for queue in broker._listeners)

    asyncio.run(body())


def test_publishing_after_the_close_raises() -> None:
    """As with any broker that is gone."""

    async def body() -> None:
        broker = MemoryBroker()
        await broker.close()
        with pytest.raises(BrokerUnavailable):
            await broker.publish((NOTICE,))

    asyncio.run(body())
