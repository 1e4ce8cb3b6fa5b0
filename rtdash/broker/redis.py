"""Notices by Redis publish/subscribe: one connection that listens, one pool that publishes."""

from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from rtdash.broker.base import BrokerUnavailable, Notice
from rtdash.broker.notices import NoticeCodec, topic_of

SILENCE_S = 3.0
"""After so long without a message the connection is asked for a sign of life, and given as long
again."""


class RedisBroker:
    """A Redis server. Retries are the relay's, so the driver's own are off."""

    def __init__(self, url: str, topics: tuple[str, ...], codec: NoticeCodec) -> None:
        self._topics = topics
        self._codec = codec
        self._client = Redis.from_url(
            url,
            socket_connect_timeout=SILENCE_S,
            socket_timeout=SILENCE_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Publish all of them in one round trip."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for notice in notices:
                    pipeline.publish(topic_of(notice, self._topics), self._codec.encode(notice))
                await pipeline.execute()
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(f"Redis: {error}") from error

    async def listen(self) -> AsyncIterator[Notice]:
        """Yield notices as they come; a connection that answers no ping is lost."""
        asked = False
        try:
            async with self._client.pubsub() as pubsub:
                await pubsub.subscribe(*self._topics)
                while True:
                    message = await pubsub.get_message(timeout=SILENCE_S)
                    if message is None:
                        if asked:
                            raise BrokerUnavailable("Redis: the connection is silent")
                        await pubsub.ping()
                    asked = message is None
                    if message is not None and message["type"] == "message":
                        for notice in self._codec.decode(message["data"]):
                            yield notice
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(f"Redis: {error}") from error

    async def close(self) -> None:
        """End both connections."""
        await self._client.aclose()
