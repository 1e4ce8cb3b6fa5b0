"""Kafka as managed services hand it out: TLS by an authority of its own, and a password. A real
server with both.
"""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest

from rtdash.broker import check_broker
from rtdash.broker.base import BrokerUnusable
from tests.broker.conftest import PATIENCE_S, Processes, listening, notice, opened
from tests.servers import PASSWORD

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def closed_sockets(anyio_backend: str) -> AsyncIterator[None]:
    """Let all connections close before the event loop does: the end of TLS waits for the server's
    answer, and the driver doesn't wait for that of a login that was refused.
    """
    before = open_sockets()
    yield
    async with asyncio.timeout(PATIENCE_S):
        while not open_sockets() <= before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def open_sockets() -> set[int]:
    """Return the descriptors of this process's TCP connections."""
    return {one.fd for one in psutil.Process().net_connections("tcp")}


def by_plain(url: str) -> str:
    """The same server with the other mechanism's user."""
    return url.replace("//scram:", "//plain:").replace("SCRAM-SHA-512", "PLAIN")


async def test_a_password_in_plain_text_within_tls(secure_kafka: str) -> None:
    """SASL/PLAIN: notices are published and heard."""
    processes = Processes(by_plain(secure_kafka))
    one, other = processes.broker(), processes.broker()
    sent = notice(7, b"{}")
    async with listening(other, speaker=one) as ear:
        await one.publish((sent,))
        await ear.hears(lambda heard: sent in heard)
    for broker in processes.opened:
        await broker.close()


async def start(url: str) -> None:
    """What a process does with its broker first."""
    broker = opened(url)
    try:
        await check_broker(broker)
    finally:
        await broker.close()


@pytest.mark.parametrize("mechanism", [str, by_plain])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (PASSWORD, "another-password"),
        ("cafile=", "certfile=/dev/null&cafile="),
        ("kafkas://", "kafka://"),
    ],
)
async def test_what_the_server_does_not_take_ends_the_start(
    secure_kafka: str, mechanism, right: str, wrong: str
) -> None:
    """In words, and without the password."""
    url = mechanism(secure_kafka).replace(right, wrong)
    with pytest.raises(BrokerUnusable) as refused:
        await start(url)
    assert refused.value.hint
    assert PASSWORD not in f"{refused.value} {refused.value.hint}"


async def test_a_certificate_of_an_unknown_authority_is_refused(secure_kafka: str) -> None:
    """Only the authorities of the machine are known where `cafile` names no other."""
    with pytest.raises(BrokerUnusable):
        await start(secure_kafka.partition("&cafile=")[0])
