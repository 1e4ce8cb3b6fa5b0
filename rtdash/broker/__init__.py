"""Notices between processes: hints that a stream has grown. The log stays the truth."""

from importlib import import_module
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

from rtdash.broker.base import Broker, BrokerUnavailable, BrokerUnusable, Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.broker.notices import NoticeCodec
from rtdash.broker.url_options import SCHEMES, refuse_unknown
from rtdash.protocol.channels import Channel, Stream

TOPIC = "rtdash.notices"
"""The topic, exchange or channel of the broker; with `?topics=N` there are N of them,
`rtdash.notices.0` and so on."""

MAX_TOPICS = 256

STORE_ITSELF = "postgresql"
"""The broker's setting that means the store's own PostgreSQL server."""


def open_broker(url: str, codec: NoticeCodec, *, store_url: str = "") -> Broker:
    """Return the broker at `url`; `codec` signs its notices. It connects at first use.

    `memory://` (one process), `redis://`, `rediss://`, `valkey://`, `valkeys://`, `amqp://`,
    `amqps://`, `kafka://`, `kafkas://`, `postgresql://`, or the word `postgresql` for the server
    at `store_url`. `?topics=N` splits the notices by venue over N topics, the same N in every
    process. Raises BrokerUnusable with a hint.
    """
    if url.removesuffix("://") in {STORE_ITSELF, "postgres"}:
        url = _store_as_broker(store_url)
    parts = _split(url)
    if parts.scheme == "memory":
        return MemoryBroker()
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in ("memory", *SCHEMES))
        raise BrokerUnusable(f"{parts.scheme}:// is not a broker", hint=f"use one of {known}")
    scheme = SCHEMES[parts.scheme]
    if not parts.hostname and not scheme.is_host_optional:
        raise BrokerUnusable(
            "the broker URL names no host", hint=f"give {parts.scheme}://HOST:PORT"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    topics = _topics(options.pop("topics", "1"))
    refuse_unknown(parts.scheme, options)
    try:
        adapter = getattr(import_module(scheme.module), scheme.adapter)
    except ModuleNotFoundError as missing:
        raise BrokerUnusable(
            f"the driver for {parts.scheme}:// is not installed",
            hint=f"pip install 'rtdash[{scheme.extra}]'",
        ) from missing
    # libpq reads a blank from %20 alone, and a + as it stands
    query = urlencode(options, quote_via=quote)
    bare = parts._replace(scheme=scheme.name_for_driver, query=query).geturl()
    try:
        broker: Broker = adapter(bare, topics, codec)
    except (TypeError, ValueError, OSError) as error:
        raise BrokerUnusable(
            f"the broker URL can't be used: {error}",
            hint="correct it; options stand behind ?, divided by &",
        ) from error
    return broker


async def check_broker(broker: Broker) -> None:
    """Send one notice of no venue. Raises BrokerUnusable for a broker that can't be reached or
    refuses the login.
    """
    try:
        await broker.publish(
            (Notice(Stream(f"check-{uuid4().hex}", Channel.HOTEL_STATS), "", 1, ()),)
        )
    except BrokerUnavailable as fault:
        hint = "check that it runs, can be reached, and takes the user and password of --broker"
        raise BrokerUnusable(f"the broker can't be used: {fault}", hint=hint) from fault


def _store_as_broker(store_url: str) -> str:
    scheme = store_url.partition("://")[0].partition("+")[0]
    if scheme not in {"postgres", "postgresql"}:
        raise BrokerUnusable(
            "the broker can't be the store: that is no PostgreSQL server",
            hint="give --broker postgresql://USER@HOST/DATABASE, or --database a PostgreSQL store",
        )
    return f"postgresql://{store_url.partition('://')[2]}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"}:  # libpq reads its own
            several = parts.scheme in {"kafka", "kafkas"}
            for host in parts.netloc.rpartition("@")[2].split(",") if several else (parts.netloc,):
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
    if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= MAX_TOPICS):
        raise BrokerUnusable(
            f"topics={number} is no number of topics",
            hint=f"give one from 1 to {MAX_TOPICS}, the same in every process",
        )
    return (TOPIC,) if number == "1" else tuple(f"{TOPIC}.{index}" for index in range(int(number)))
