"""The relay's connection to the broker: a loss is noticed, retried, and over when a probe message
comes back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.relay import broker_connection as link_module
from rtdash.relay.broker_connection import QUEUE_LIMIT, BrokerConnection
from tests.fakes import BOOKINGS

NOTICE = Notice(BOOKINGS, "e1", 1, (b"{}",))


class Server:
    """A broker's server that can go away: connections that stand then are lost, and no new one can
    be made.
    """

    def __init__(self) -> None:
        self.is_up = True
        self.is_silent = False
        self._inner = MemoryBroker()

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Hand over, if there is a server that does."""
        if not self.is_up:
            raise BrokerUnavailable("no server")
        if not self.is_silent:
            await self._inner.publish(notices)

    async def listen(self) -> AsyncIterator[Notice]:
        """Notices while there is a server."""
        if not self.is_up:
            raise BrokerUnavailable("no server")
        async for notice in self._inner.listen():
            yield notice

    async def close(self) -> None:
        """End the listeners."""
        await self._inner.close()

    async def stop(self) -> None:
        """Go away."""
        self.is_up = False
        await self._inner.close()

    def start(self) -> None:
        """Come back, empty."""
        self.is_up, self._inner = True, MemoryBroker()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_RETRY_S", "LAST_RETRY_S", "PROBE_INTERVAL_S"):
        monkeypatch.setattr(link_module, name, 0.005)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(30):
        # what is waited for is a state, seen from outside
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def running(
    server: Server, heard: list[Notice]
) -> tuple[BrokerConnection, "asyncio.Task[None]"]:
    """A working connection, after its first probe message has come back."""
    broker_connection = BrokerConnection(server, heard.append)
    task = asyncio.create_task(broker_connection.stay_connected())
    await until(lambda: broker_connection.lag_s > 0)
    return broker_connection, task


async def stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_notices_travel_and_canaries_are_kept_from_the_relay() -> None:
    """What is sent comes back, as it does to every process; the canary is measured and not passed
    on.
    """

    async def body() -> None:
        heard: list[Notice] = []
        broker_connection, task = await running(Server(), heard)
        broker_connection.enqueue((NOTICE,))
        await until(lambda: bool(heard))
        assert (heard, broker_connection.status) == ([NOTICE], "ok")
        await stopped(task)

    asyncio.run(body())


def test_a_lost_broker_degrades_until_it_works_again() -> None:
    """The broker is tried again for ever; no publisher waits for it, and what is sent afterwards
    arrives.
    """

    async def body() -> None:
        heard: list[Notice] = []
        server = Server()
        broker_connection, task = await running(server, heard)
        await server.stop()
        await until(lambda: broker_connection.status == "degraded")
        broker_connection.enqueue((NOTICE,))
        await until(lambda: broker_connection.dropped > 0)
        server.start()
        await until(lambda: broker_connection.status == "ok")
        broker_connection.enqueue((NOTICE,))
        await until(lambda: NOTICE in heard)
        await stopped(task)

    asyncio.run(body())


def test_a_broker_that_says_nothing_is_degraded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error comes from the driver, but no canary either."""
    monkeypatch.setattr(link_module, "SILENCE_S", 0.05)

    async def body() -> None:
        server = Server()
        broker_connection, task = await running(server, [])
        server.is_silent = True
        await until(lambda: broker_connection.status == "degraded")
        server.is_silent = False
        await until(lambda: broker_connection.status == "ok")
        await stopped(task)

    asyncio.run(body())


def test_a_driver_that_cancels_itself_ends_nothing() -> None:
    """A CancelledError without a cancellation of ours, as aiokafka raises one where it stops, is a
    loss like any other.
    """

    class Fragile(Server):
        async def listen(self) -> AsyncIterator[Notice]:
            if not self.is_up:
                raise asyncio.CancelledError
            async for notice in super().listen():
                yield notice

    async def body() -> None:
        server = Fragile()
        broker_connection, task = await running(server, [])
        await server.stop()
        await until(lambda: broker_connection.status == "degraded")
        server.start()
        await until(lambda: broker_connection.status == "ok")
        await stopped(task)
        assert task.cancelled()

    asyncio.run(body())


def test_what_waits_for_the_broker_is_bounded() -> None:
    """The oldest notices go first, and are counted."""

    async def body() -> None:
        broker_connection = BrokerConnection(Server(), lambda _notice: None)
        for _ in range(QUEUE_LIMIT + 5):
            broker_connection.enqueue((NOTICE,))
        assert (len(broker_connection._queue), broker_connection.dropped) == (QUEUE_LIMIT, 5)

    asyncio.run(body())
