"""The way of one client to the head of a stream."""

import asyncio

from rtdash.hub import EncodedBatch
from rtdash.server.ws.send_queue import SendQueue


class Replay:
    """The way to the head: a subscriber of its own, so that the seq reached is known at any
    time.
    """

    __slots__ = ("_send_queue", "has_begun", "has_waited", "seq", "task")
    write = None

    def __init__(self, send_queue: SendQueue, after_seq: int) -> None:
        self._send_queue = send_queue
        self.seq = after_seq
        self.has_begun = False
        self.has_waited = False
        self.task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return self._send_queue.is_open

    def deliver(self, batch: EncodedBatch) -> None:
        """Hand on, and remember how far that brought the client."""
        self._send_queue.replay(batch)
        self.seq = batch.last_seq

    def failed(self) -> None:
        """See SendQueue.failed."""
        self._send_queue.failed()

    async def drained(self) -> None:
        """Wait for the client to read."""
        await self._send_queue.drained()
