"""From a URL to a broker, and the texts of errors for wrong URLs."""

import sys
from urllib.parse import urlsplit

import pytest

from rtdash.broker import check_broker
from rtdash.broker.base import BrokerUnusable
from tests.broker.conftest import SERVERS, opened
from tests.programs import free_port
from tests.servers import TestServer

UNUSABLE = {
    "carrier-pigeon://roof": ("carrier-pigeon:// is not a broker", "redis://"),
    "localhost:6379": ("is not a broker", "memory://"),
    "redis:///0": ("names no host", "redis://HOST:PORT"),
    "redis://127.0.0.1:port/0": ("can't be read", "SCHEME://HOST:PORT"),
    "redis://127.0.0.1:6379/0?socket_timeout=soon": ("can't be used", "options"),
    "amqp://127.0.0.1/?topics=0": ("topics=0", "from 1 to 256"),
    "redis://127.0.0.1:6379/0?foo=bar": ("no option 'foo'", "there are: "),
    "redis://127.0.0.1:6379/0?ssl_ca_certs=x": ("no option 'ssl_ca_certs'", "take it away"),
    "valkey://127.0.0.1:6379/0?usernam=x": ("no option 'usernam'", "did you mean username"),
    "amqp://127.0.0.1/?cafile=x": ("no option 'cafile'", "take it away"),
    "amqps://127.0.0.1/?ca_file=x": ("no option 'ca_file'", "did you mean cafile"),
    "kafka://127.0.0.1/?sasl.mechanism=PLAIN": ("sasl.mechanism", "did you mean sasl_mechanism"),
    "kafka://127.0.0.1/?sasl_mechanism=PLAIN": ("needs USER:PASSWORD@", "correct it"),
    "kafka://127.0.0.1/?security_protocol=SASL_SSL": ("SASL needs USER:PASSWORD@", "correct it"),
    "kafkas://a:b@127.0.0.1/?security_protocol=SASL_PLAINTEXT": ("kafkas:// is TLS", "correct it"),
    "kafka://127.0.0.1/?cafile=/x": ("is for TLS: write kafkas://", "correct it"),
    "kafkas://127.0.0.1/?cafile=/nowhere": ("No such file", "correct it"),
    "kafkas://a:b@127.0.0.1/?sasl_mechanism=GSSAPI": ("sasl_mechanism is one of", "correct it"),
    "postgresql://127.0.0.1/x?pgbouncer=true": ("pgbouncer", "correct it"),
    "postgresql": ("is no PostgreSQL server", "--database"),
    "kafka://127.0.0.1/?topics=many": ("topics=many", "the same in every process"),
}


@pytest.mark.parametrize("url", UNUSABLE)
def test_a_wrong_url_is_refused_with_a_hint(url: str) -> None:
    """What is wrong, and what to write instead."""
    problem, hint = UNUSABLE[url]
    with pytest.raises(BrokerUnusable, match=problem) as refused:
        opened(url)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "redis://:horse#battery@h",
        "amqp://ann:horse/battery@h",
        "kafka://ann:horse?battery@h:1",
        "postgresql://ann:battery@horse@h/x",
    ],
)
def test_a_password_that_is_not_escaped_is_not_quoted(url: str) -> None:
    """A part of it looks like a port, or as the host's name."""
    with pytest.raises(BrokerUnusable) as refused:
        opened(url)
    assert "horse" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("scheme", "module", "driver"),
    [
        ("redis", "redis", "redis.asyncio"),
        ("amqp", "rabbitmq", "aio_pika"),
        ("kafka", "kafka", "aiokafka"),
    ],
)
def test_a_missing_driver_is_named_with_its_extra(
    scheme: str, module: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint can be pasted."""
    monkeypatch.delitem(sys.modules, f"rtdash.broker.{module}", raising=False)
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(BrokerUnusable) as refused:
        opened(f"{scheme}://127.0.0.1")
    assert f"rtdash[{module}]" in refused.value.hint


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["redis", "amqp", "kafka"])
async def test_a_broker_that_is_down_is_told_at_the_start(scheme: str) -> None:
    """With what to check; not as a traceback from below."""
    broker = opened(f"{scheme}://127.0.0.1:{free_port()}")
    try:
        with pytest.raises(BrokerUnusable, match="can't be used") as refused:
            await check_broker(broker)
    finally:
        await broker.close()
    assert "check that it runs" in refused.value.hint


@pytest.mark.anyio
@pytest.mark.parametrize("server", ["kafka"], indirect=True)
async def test_a_cluster_is_named_by_several_nodes(server: TestServer) -> None:
    """Any of them that runs is enough."""
    broker = opened(f"kafka://127.0.0.1:{free_port()},{urlsplit(server.url).netloc}")
    try:
        await check_broker(broker)
    finally:
        await broker.close()


@pytest.mark.anyio
@pytest.mark.parametrize("server", ["redis", "rabbitmq"], indirect=True)
async def test_a_wrong_password_is_told_without_being_shown(server: TestServer) -> None:
    """The server's refusal, and not the password."""
    parts = urlsplit(server.url)
    broker = opened(parts._replace(netloc=f"guest:sesame@{parts.hostname}:{parts.port}").geturl())
    try:
        with pytest.raises(BrokerUnusable) as refused:
            await check_broker(broker)
    finally:
        await broker.close()
    assert "sesame" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.anyio
@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_broker_that_works_passes_the_check(server: TestServer) -> None:
    """Nothing is said then."""
    broker = opened(server.url)
    try:
        await check_broker(broker)
    finally:
        await broker.close()
