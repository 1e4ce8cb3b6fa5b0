"""Queue of what was received and not yet asked for by the application."""

import asyncio
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class DeliveryQueue(Protocol[Item_contra]):
    """The writer's side of a queue."""

    @property
    def has_room(self) -> bool:
        """Whether `room` would not wait."""

    def put(self, item: Item_contra) -> None:
        """Add at the end; never waits."""

    async def room(self) -> None:
        """Wait while it is full."""


class ReceiveQueue(Generic[Item]):
    """Queue with a writer that puts without waiting, so that a cancellation can't lose an item, and
    then waits for room.

    Holds `limit` items, and beyond that at most what the writer puts between two waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def put(self, item: Item) -> None:
        """Add at the end."""
        self._items.put_nowait(item)
        if self._items.qsize() >= self._limit:
            self._has_room.clear()

    @property
    def has_room(self) -> bool:
        """Whether `room` would not wait."""
        return self._has_room.is_set()

    async def room(self) -> None:
        """Wait while it is full."""
        await self._has_room.wait()

    async def get(self) -> Item:
        """Return the oldest item; waits for one. May be cancelled without losing one."""
        item = await self._items.get()
        if self._items.qsize() <= self._limit // 2:
            self._has_room.set()
        return item
