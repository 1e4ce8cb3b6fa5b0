"""Fakes of our own: a log that keeps its promises but takes its time, a loop that runs when a test
says so, subscribers that remember.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from datetime import datetime

from rtdash.hub import EncodedBatch
from rtdash.protocol.channels import Channel, Stream
from rtdash.store.changed_heads import ChangedHeads
from rtdash.store.event_log import StoredEvent

BOOKINGS = Stream("harbour-hotel", Channel.HOTEL_RESERVATIONS)
NOTES = Stream("harbour-hotel", Channel.HOTEL_NOTIFICATIONS)
STATS = Stream("harbour-hotel", Channel.HOTEL_STATS)


def body_of(stream: Stream, seq: int, epoch: str = "e1") -> bytes:
    """A body with the number of its event, so that a receiver can be asked what it has got."""
    return f"{epoch} {stream.venue} {stream.channel} {seq}".encode()


class FakeLog:
    """An event log in memory. Reads that are held have their answer already and hand it over only
    at `release()`.
    """

    def __init__(self, epoch: str = "e1") -> None:
        self.epoch = epoch
        self.heads: dict[Stream, int] = {}
        self.floors: dict[Stream, int] = {}
        self.reads: list[tuple[str, Stream | None]] = []
        self.fault: Exception | None = None
        self.is_moved = True
        self._to_hold = 0
        self._held: deque[asyncio.Future[None]] = deque()

    def append(self, stream: Stream, count: int = 1) -> list[StoredEvent]:
        """Commit `count` events."""
        first = self.heads.get(stream, 0) + 1
        self.heads[stream] = first + count - 1
        return [
            StoredEvent(stream, seq, body_of(stream, seq, self.epoch))
            for seq in range(first, first + count)
        ]

    def prune(self, stream: Stream, upto: int) -> None:
        """Forget the events up to `upto`."""
        self.floors[stream] = max(self.floors.get(stream, 0), min(upto, self.heads.get(stream, 0)))

    def restore(self, heads: dict[Stream, int]) -> None:
        """Go back to an older state, as a restored backup does."""
        self.heads = dict(heads)
        self.floors = {
            stream: min(floor, heads.get(stream, 0)) for stream, floor in self.floors.items()
        }

    def hold(self, count: int = 1) -> None:
        """The next `count` reads are under way until released."""
        self._to_hold = count

    def release(self, count: int | None = None) -> None:
        """Let the oldest `count` reads come back; without a count all of them, and hold no more."""
        if count is None:
            self._to_hold = 0
        for _ in range(len(self._held) if count is None else min(count, len(self._held))):
            answer = self._held.popleft()
            if not answer.done():
                answer.set_result(None)

    @property
    def waiting(self) -> int:
        """Reads that are under way."""
        return len(self._held)

    async def has_moved(self) -> bool:
        """Return what the test has set."""
        return self.is_moved

    async def read_heads(
        self, streams: Collection[Stream] | None = None
    ) -> tuple[str, dict[Stream, int]]:
        """The epoch and the heads as they are now."""
        wanted = self.heads if streams is None else streams
        answer = self.epoch, {stream: self.heads.get(stream, 0) for stream in wanted}
        await self._read("heads", None)
        return answer

    async def read_changed_heads(self, since: datetime, mark: object) -> ChangedHeads:
        """The heads that differ from those that the read of the mark saw, and nothing else."""
        del since
        seen = mark if isinstance(mark, dict) else {}
        changed = {stream: seq for stream, seq in self.heads.items() if seen.get(stream) != seq}
        answer = ChangedHeads(self.epoch, changed, dict(self.heads))
        await self._read("heads", None)
        return answer

    async def events(self, stream: Stream, after: int, limit: int) -> list[StoredEvent]:
        """What is kept behind `after`."""
        first = max(after, self.floors.get(stream, 0)) + 1
        answer = [
            StoredEvent(stream, seq, body_of(stream, seq, self.epoch))
            for seq in range(first, min(self.heads.get(stream, 0), first + limit - 1) + 1)
        ]
        await self._read("events", stream)
        return answer

    async def floor(self, stream: Stream) -> int:
        """The last pruned seq."""
        answer = self.floors.get(stream, 0)
        await self._read("floor", stream)
        return answer

    async def draw_epoch(self, seen: str) -> str:
        """The next name, once."""
        if self.epoch == seen:
            self.epoch = f"e{int(seen[1:]) + 1}"
        await self._read("draw", None)
        return self.epoch

    async def _read(self, what: str, stream: Stream | None) -> None:
        self.reads.append((what, stream))
        if self._to_hold:
            self._to_hold -= 1
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._held.append(answer)
            await answer
        if self.fault is not None:
            raise self.fault


class Turns:
    """An event loop for the hub alone: callbacks run, and time moves, when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        """At the next turn."""
        self.soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """At the first turn that is late enough."""
        self.later.append((self.now + delay_s, callback))

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def turn(self, advance_s: float = 0.0) -> None:
        """One turn of the loop, `advance_s` later."""
        self.now += advance_s
        due = [callback for at, callback in self.later if at <= self.now]
        self.later = [(at, callback) for at, callback in self.later if at > self.now]
        soon, self.soon = self.soon, []
        for callback in (*soon, *due):
            callback()


class Member:
    """A subscriber, and a replayer, that remembers. `on_deliver` runs at each delivery; `pace`
    holds its replays.
    """

    def __init__(
        self,
        on_deliver: Callable[[EncodedBatch], None] | None = None,
        write: Callable[[bytes], object] | None = None,
    ) -> None:
        self.write = write
        self.batches: list[EncodedBatch] = []
        self.is_open = True
        self.pace = asyncio.Event()
        self.pace.set()
        self._on_deliver = on_deliver

    @property
    def bodies(self) -> list[bytes]:
        """Everything it has got, in order."""
        return [body for batch in self.batches for body in batch.bodies]

    def deliver(self, batch: EncodedBatch) -> None:
        """Remember it."""
        self.batches.append(batch)
        if self._on_deliver is not None:
            self._on_deliver(batch)

    def failed(self) -> None:
        """The hub has dropped it."""
        self.is_open = False

    async def drained(self) -> None:
        """Wait until the test sets `pace`."""
        await self.pace.wait()
