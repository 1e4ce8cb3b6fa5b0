"""Notices between processes: hints that a stream has grown. The log stays the truth."""

from collections.abc import Callable
from importlib import import_module
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit
from uuid import uuid4

from rtdash.broker.base import Broker, BrokerUnavailable, BrokerUnusable, Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.protocol.channels import Channel, Stream

TOPIC = "rtdash.notices"
"""The topic, exchange or channel of the broker; with `?topics=N` there are N of them,
`rtdash.notices.0` and so on."""

MAX_TOPICS = 256

_ADAPTERS = {
    "redis": ("rtdash.broker.redis", "RedisBroker", "redis"),
    "rediss": ("rtdash.broker.redis", "RedisBroker", "redis"),
    "amqp": ("rtdash.broker.rabbitmq", "RabbitBroker", "rabbitmq"),
    "amqps": ("rtdash.broker.rabbitmq", "RabbitBroker", "rabbitmq"),
    "kafka": ("rtdash.broker.kafka", "KafkaBroker", "kafka"),
}


def open_broker(url: str) -> Broker:
    """The broker at `url`: `memory://` (one process), `redis://`, `rediss://`, `amqp://`,
    `amqps://`, `kafka://`. Connects at first use.

    `?topics=N` splits the notices by venue over N topics, the same N in every process. Raises
    BrokerUnusable with a hint.
    """
    parts = _split(url)
    if parts.scheme == "memory":
        return MemoryBroker()
    if parts.scheme not in _ADAPTERS:
        known = ", ".join(f"{scheme}://" for scheme in ("memory", *_ADAPTERS))
        raise BrokerUnusable(f"{parts.scheme}:// is not a broker", hint=f"use one of {known}")
    if not parts.hostname:
        raise BrokerUnusable(
            "the broker URL names no host", hint=f"give {parts.scheme}://HOST:PORT"
        )
    options = dict(parse_qsl(parts.query))
    topics = _topics(options.pop("topics", "1"))
    module, name, extra = _ADAPTERS[parts.scheme]
    try:
        adapter: Callable[[str, tuple[str, ...]], Broker] = getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        raise BrokerUnusable(
            f"the driver for {parts.scheme}:// is not installed",
            hint=f"pip install 'rtdash[{extra}]'",
        ) from missing
    try:
        return adapter(parts._replace(query=urlencode(options)).geturl(), topics)
    except (TypeError, ValueError) as error:
        raise BrokerUnusable(
            f"the broker URL can't be used: {error}",
            hint="correct it; options stand behind ?, divided by &",
        ) from error


async def check_broker(broker: Broker) -> None:
    """Send one notice that concerns nobody. Raises BrokerUnusable where the broker can't be reached
    or refuses us.
    """
    try:
        await broker.publish(
            (Notice(Stream(f"check-{uuid4().hex}", Channel.HOTEL_STATS), "", 1, ()),)
        )
    except BrokerUnavailable as fault:
        hint = "check that it runs, can be reached, and takes the user and password of --broker"
        raise BrokerUnusable(f"the broker can't be used: {fault}", hint=hint) from fault


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        for host in parts.netloc.split(",") if parts.scheme == "kafka" else (parts.netloc,):
            _ = urlsplit(f"//{host}").port  # read for its ValueError
    except (
        ValueError
    ):  # its text quotes what it took for the port, and that may be a part of a password
        hint = (
            "give SCHEME://HOST:PORT, or SCHEME://USER:PASSWORD@HOST:PORT with / # ? @ of a"
            " password written as %2F %23 %3F %40"
        )
        raise BrokerUnusable("the broker URL can't be read", hint=hint) from None
    return parts


def _topics(number: str) -> tuple[str, ...]:
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= MAX_TOPICS):
        raise BrokerUnusable(
            f"topics={number} is no number of topics",
            hint=f"give one from 1 to {MAX_TOPICS}, the same in every process",
        )
    return (TOPIC,) if number == "1" else tuple(f"{TOPIC}.{index}" for index in range(int(number)))
