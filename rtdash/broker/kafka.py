"""Notices by Kafka: one producer, and one consumer a process that reads from the end, without a
group to rebalance.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.kafka_cluster import parse_cluster
from rtdash.broker.notices import NoticeCodec, topic_of

SILENCE_S = 3.0
"""After so long without a record the cluster is asked where the topics end, and given as long to
answer."""

PATIENCE_S = 10.0
"""For a start, and for what was sent to be acknowledged: a client that starts over sooner never
catches up with a cluster that is merely slow.
"""

REQUEST_TIMEOUT_MS = 5_000

BATCH_BYTES = 512 * 1024
"""One batch of a topic's partition is on its way at a time: with the driver's 16 KiB a slow cluster
never caught up with what had waited."""

METADATA_MAX_AGE_MS = 2_000
"""How old what the driver believes of topics and leaders may be: by its own default a topic that
was away for a moment stays so for 5 minutes."""


class KafkaBroker:
    """A Kafka cluster; a topic needs no history, `retention.ms` of minutes is plenty."""

    def __init__(self, url: str, topics: tuple[str, ...], codec: NoticeCodec) -> None:
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # it complains of a lost node many times a second
        self._cluster = parse_cluster(url)
        self._topics = topics
        self._codec = codec
        self._producer: AIOKafkaProducer | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Send and wait for the leader; a venue's notices keep to one partition, and so to their
        order.
        """
        try:
            producer = await self._started_producer()
            async with asyncio.timeout(PATIENCE_S):
                sent = [
                    await producer.send(
                        topic_of(notice, self._topics),
                        self._codec.encode(notice),
                        key=notice.stream.venue.encode(),
                    )
                    for notice in notices
                ]
                await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise BrokerUnavailable(f"Kafka: {type(error).__name__} {error}") from error

    async def listen(self) -> AsyncIterator[Notice]:
        """Yield notices as they come. The driver retries a lost cluster for ever without an error,
        so after a silence the cluster is asked.
        """
        consumer = AIOKafkaConsumer(
            *self._topics,
            **self._cluster,
            group_id=None,
            auto_offset_reset="latest",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            fetch_max_wait_ms=500,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                await consumer.start()
            while True:
                batch = await consumer.getmany(timeout_ms=int(SILENCE_S * 1000))
                if not batch:
                    async with asyncio.timeout(SILENCE_S):
                        await consumer.end_offsets(list(consumer.assignment()))
                for records in batch.values():
                    for record in records:
                        # a tombstone of another program has no value
                        for notice in self._codec.decode(record.value or b""):
                            yield notice
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailable(f"Kafka: {type(error).__name__} {error}") from error
        finally:
            # a stop that breaks off leaves the client at work
            await self._end(consumer.stop, consumer._client.close)  # noqa: SLF001

    async def close(self) -> None:
        """End the producer; the consumer ends with its iterator."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._end(producer.stop)

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._cluster,
                acks=1,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                metadata_max_age_ms=METADATA_MAX_AGE_MS,
            )
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await producer.start()
            except BaseException:
                await self._end(producer.stop)
                raise
            self._producer = producer
        return self._producer

    async def _end(self, *steps: Callable[[], Awaitable[None]]) -> None:
        """Stop a producer or a consumer, and wait at most SILENCE_S. A producer with records that
        can't be sent takes longer, and goes on stopping in the background.

        Whatever the driver raises is dropped, even CancelledError: it passes on that of its own
        tasks (aiokafka #647).
        """

        async def end() -> None:
            for step in steps:
                await asyncio.gather(step(), return_exceptions=True)

        ending = asyncio.create_task(end(), name="Kafka driver ends")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        await asyncio.wait([ending], timeout=SILENCE_S)
