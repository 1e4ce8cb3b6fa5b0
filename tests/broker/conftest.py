"""The brokers under test: the memory broker, and the others on real servers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from rtdash.broker import open_broker
from rtdash.broker.base import Broker, BrokerUnavailable, Notice
from rtdash.broker.kafka import KafkaBroker
from rtdash.broker.notices import NoticeCodec, derive_key
from rtdash.protocol.channels import Channel, Stream
from tests.servers import TestServer

SERVERS = ("redis", "rabbitmq", "kafka", "postgres")
PATIENCE_S = 30.0
KEY = derive_key("a secret that all processes of a test share")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(request: pytest.FixtureRequest) -> TestServer:
    """The server that the test's parameter names."""
    return request.getfixturevalue(f"{request.param}_server")


def opened(url: str, codec: NoticeCodec | None = None) -> Broker:
    """Open a broker whose notices are signed with the key of all tests. Its end is waited for,
    which a process doesn't do: what a driver left would be found in the middle of another test.
    """
    broker = open_broker(url, codec or NoticeCodec(KEY))
    if isinstance(broker, KafkaBroker):
        close = broker.close

        async def close_whole() -> None:
            await close()
            if broker._endings:
                await asyncio.wait(broker._endings, timeout=PATIENCE_S)

        broker.close = close_whole  # type: ignore[method-assign]
    return broker


@dataclass
class Processes:
    """Broker objects as several processes would have them; all are closed in the end."""

    url: str
    opened: list[Broker] = field(default_factory=list)

    def broker(self, options: str = "") -> Broker:
        """Return the broker of another process. The memory broker knows no other processes: there
        it is the same object.
        """
        if self.url == "memory://" and self.opened:
            return self.opened[0]
        if "?" in self.url:
            options = options.replace("?", "&")
        self.opened.append(opened(self.url + options))
        return self.opened[-1]


@pytest.fixture
def secure_kafka(kafka_server: TestServer) -> str:
    """The URL of the Kafka server by TLS and SCRAM."""
    if not kafka_server.secure_url:
        pytest.skip("the Kafka server of RTDASH_TEST_KAFKA_URL has no listener with TLS of ours")
    return kafka_server.secure_url


@pytest.fixture(params=["memory", *SERVERS, "secure_kafka"])
async def processes(request: pytest.FixtureRequest) -> AsyncIterator[Processes]:
    match request.param:
        case "memory":
            url = "memory://"
        case "secure_kafka":
            url = request.getfixturevalue("secure_kafka")
        case name:
            url = request.getfixturevalue(f"{name}_server").url
    made = Processes(url)
    yield made
    for broker in made.opened:
        await broker.close()


def notice(first_seq: int, *bodies: bytes, venue: str | None = None) -> Notice:
    """Make a notice of a venue that no other test has."""
    return Notice(
        Stream(venue or f"venue-{uuid4().hex}", Channel.HOTEL_RESERVATIONS), "e1", first_seq, bodies
    )


@dataclass
class Ear:
    """Notices that one process hears."""

    heard: list[Notice] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, one: Notice) -> None:
        """Write it down."""
        self.heard.append(one)
        self._more.set()

    async def hears(
        self, is_enough: Callable[[list[Notice]], object], *, patience_s: float = PATIENCE_S
    ) -> None:
        """Wait for it."""
        async with asyncio.timeout(patience_s):
            while not is_enough(self.heard):
                self._more.clear()
                await self._more.wait()

    def of(self, venue: str) -> list[Notice]:
        """What it heard of a venue."""
        return [one for one in self.heard if one.stream.venue == venue]


@asynccontextmanager
async def listening(broker: Broker, *, speaker: Broker | None = None) -> AsyncIterator[Ear]:
    """A listener that hears already: notices were published until one of them came."""
    ear = Ear()
    task = asyncio.create_task(_listen(broker, ear))
    first = notice(1)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while first not in ear.heard:
                if task.done():
                    task.result()
                with suppress(BrokerUnavailable):
                    await (speaker or broker).publish((first,))
                await asyncio.sleep(0.05)
        yield ear
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, BrokerUnavailable):
            await task


async def _listen(broker: Broker, ear: Ear) -> None:
    async for one in broker.listen():
        ear.hear(one)
