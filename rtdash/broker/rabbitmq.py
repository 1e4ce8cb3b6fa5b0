"""Notices by RabbitMQ: a fanout exchange, and one exclusive queue a process on it (never one a
client).
"""

import asyncio
import logging
from collections.abc import AsyncIterator

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.notices import NoticeCodec, topic_of

HEARTBEAT_S = 2
CONNECT_TIMEOUT_S = 5.0
QUEUE_LIMIT = 10_000
"""Notices that may wait for this process; the oldest go first, and the log heals what is
missing."""

_LOST = (AMQPError, OSError, TimeoutError, asyncio.InvalidStateError, ChannelInvalidStateError)


class RabbitBroker:
    """A RabbitMQ server. Plain connections, not robust ones: retries are the relay's."""

    def __init__(self, url: str, topics: tuple[str, ...], codec: NoticeCodec) -> None:
        logging.getLogger("aiormq").setLevel(
            logging.CRITICAL
        )  # it logs each loss with a traceback; the relay does so in a line
        self._url = url
        self._topics = topics
        self._codec = codec
        self._publisher: AbstractConnection | None = None
        self._exchanges: dict[str, AbstractExchange] = {}

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Send the notices without waiting for confirmations: a notice is a hint."""
        try:
            if self._publisher is None:
                self._publisher = await self._connect()
                self._exchanges = await self._declare(
                    await self._publisher.channel(publisher_confirms=False)
                )
            for notice in notices:
                message = aio_pika.Message(self._codec.encode(notice))
                exchange = self._exchanges[topic_of(notice, self._topics)]
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await exchange.publish(message, routing_key="", mandatory=False)
        except _LOST as error:
            await self._drop_publisher()
            raise BrokerUnavailable(f"RabbitMQ: {error}") from error

    async def listen(self) -> AsyncIterator[Notice]:
        """Yield notices as they come; the heartbeat finds a connection that is lost."""
        try:
            connection = await self._connect()
            async with connection:
                channel = await connection.channel()
                queue = await channel.declare_queue(
                    exclusive=True, auto_delete=True, arguments={"x-max-length": QUEUE_LIMIT}
                )
                for exchange in (await self._declare(channel)).values():
                    await queue.bind(exchange)
                async with queue.iterator(no_ack=True) as messages:
                    async for message in messages:
                        for notice in self._codec.decode(message.body):
                            yield notice
        except _LOST as error:
            raise BrokerUnavailable(f"RabbitMQ: {error}") from error
        raise BrokerUnavailable("RabbitMQ: the connection was closed")

    async def close(self) -> None:
        """End the publishing connection; the listening one ends with its iterator."""
        await self._drop_publisher()

    async def _connect(self) -> AbstractConnection:
        return await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_S, heartbeat=HEARTBEAT_S)

    async def _declare(self, channel: AbstractChannel) -> dict[str, AbstractExchange]:
        return {
            topic: await channel.declare_exchange(
                topic, aio_pika.ExchangeType.FANOUT, durable=False, auto_delete=False
            )
            for topic in self._topics
        }

    async def _drop_publisher(self) -> None:
        connection, self._publisher, self._exchanges = self._publisher, None, {}
        if connection is not None:
            await connection.close()
