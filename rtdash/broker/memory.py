"""The broker of a single process: notices go straight to the listeners of the same object."""

from asyncio import Queue
from collections.abc import AsyncIterator

from rtdash.broker.base import BrokerUnavailable, Notice

_QUEUE_LIMIT = 1_000


class MemoryBroker:
    """`memory://`. What a listener is too slow to take is lost, as with any broker: the log still
    has it.
    """

    def __init__(self) -> None:
        self._listeners: set[Queue[tuple[Notice, ...] | None]] = set()
        self._is_closed = False

    async def publish(self, notices: tuple[Notice, ...]) -> None:
        """Hand notices over. Raises BrokerUnavailable after `close`."""
        if self._is_closed:
            raise BrokerUnavailable("the memory broker is closed")
        for queue in self._listeners:
            if queue.qsize() < _QUEUE_LIMIT:
                queue.put_nowait(notices)

    async def listen(self) -> AsyncIterator[Notice]:
        """Yield the notices of every publisher on this object, from the first step of the iterator
        on.
        """
        queue: Queue[tuple[Notice, ...] | None] = Queue(_QUEUE_LIMIT + 1)
        self._listeners.add(queue)
        try:
            while not self._is_closed:
                for notice in await queue.get() or ():
                    yield notice
        finally:
            self._listeners.discard(queue)
        raise BrokerUnavailable("the memory broker is closed")

    async def close(self) -> None:
        """End every listener."""
        self._is_closed = True
        for queue in self._listeners:
            queue.put_nowait(None)
