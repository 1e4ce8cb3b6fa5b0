"""The processes of a schedule, and clients that know what must come from them."""

import asyncio
from collections import Counter, deque

from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import EncodedBatch, Hub, Subscription
from rtdash.protocol.channels import Position, Stream
from rtdash.relay import Relay
from rtdash.relay.head_poller import Reach
from rtdash.store.database import StoreUnavailable
from rtdash.store.event_log import StoredEvent
from tests.fakes import FakeLog, Turns


class Process:
    """A hub and a relay; its announcements wait in the order of commit."""

    def __init__(self, log: FakeLog, number: int) -> None:
        self.number = number
        self.turns = Turns()
        self.changes: Counter[Stream] = Counter()
        self.hub = Hub(self.turns.call_soon, self.turns.call_later, self.turns.clock)
        self.relay = Relay(
            log,
            self.hub,
            MemoryBroker(),
            log.epoch,
            clock=lambda: from_ms(0),
            on_changed=lambda stream: self.changes.update([stream]),
        )
        # A made up position ends an epoch in life; here both processes learn of epochs at once.
        self.relay._replays._refute = _believe
        self.committed: deque[list[StoredEvent]] = deque()
        self.polling: asyncio.Task[None] | None = None

    @property
    def is_polling(self) -> bool:
        """Whether a look at the heads is under way."""
        return self.polling is not None and not self.polling.done()

    def announce(self) -> None:
        """In the order of commit: that much the bookings promise."""
        while self.committed:
            self.relay.announce(self.committed.popleft())

    async def look(self) -> None:
        """Look at the heads as almost all polls do; a store that is away is made up for."""
        self.relay._sequencer.retry_gaps()
        try:
            await self.relay.poll_heads(Reach.RECENT)
        except StoreUnavailable:
            self.relay._sequencer.retry_gaps()


async def _believe(_stream: Stream, _position: Position) -> None:
    pass


class Client:
    """A dashboard that keeps its position and holds the server to its promise. `wrongs` is what the
    server did wrong.
    """

    write = None

    def __init__(self, log: FakeLog, stream: Stream, wrongs: list[str]) -> None:
        self.stream = stream
        self.position: Position | None = None
        self.process: Process | None = None
        self.is_live = False
        self.task: asyncio.Task[None] | None = None
        self.pace = asyncio.Event()
        self.pace.set()
        self._log = log
        self._wrongs = wrongs

    @property
    def is_open(self) -> bool:
        """Whether it is connected, or on its way."""
        return self.task is not None and not self.task.done()

    def failed(self) -> None:
        """The hub has nothing to drop it for."""
        self._wrongs.append("the hub has dropped it")

    def deliver(self, batch: EncodedBatch) -> None:
        """Every event must be the very next one."""
        for offset, body in enumerate(batch.bodies):
            epoch, venue, channel, seq = body.decode().split()
            due = self.position and Position(self.position.epoch, self.position.seq + 1)
            if (
                (epoch, int(seq)) != due
                or (venue, channel) != self.stream
                or batch.first_seq + offset != int(seq)
            ):
                self._wrongs.append(f"{body!r} came where {due} of {self.stream} was due")
            self.position = Position(epoch, int(seq))

    async def drained(self) -> None:
        """When it reads."""
        await self.pace.wait()

    async def connect(self, process: Process, after: Position | None) -> None:
        """What the server does for one stream, from the subscribe to the end of the connection."""
        self.process, relay, hub = process, process.relay, process.hub
        subscription: Subscription | None = None
        await relay.follow(self.stream)
        try:
            subscription = await self._begin(relay, hub, after)
            self.is_live = True
            await asyncio.Event().wait()
        finally:
            self.is_live = False
            self.process = None
            if subscription is not None:
                hub.leave(subscription)
            relay.unfollow(self.stream)

    async def _begin(self, relay: Relay, hub: Hub, after: Position | None) -> Subscription:
        epoch, head, floor = (
            self._log.epoch,
            self._log.heads.get(self.stream, 0),
            self._log.floors.get(self.stream, 0),
        )
        start = await relay.prepare(self.stream, after)
        if after is not None and start.recovered:
            assert start.after_seq == after.seq
            self.position = after
            subscription = await relay.replay(self.stream, after.seq, self)
            if subscription is not None:
                return subscription
            # a backup that was restored, and not noticed yet, has taken what the process goes by
            has_all = self._log.heads.get(self.stream, 0) >= hub.top(self.stream)
            if (
                has_all
                and self.position.epoch == relay.epoch
                and self.position.seq >= self._log.floors.get(self.stream, 0)
            ):
                self._wrongs.append(
                    f"the replay from {after} gave up at {self.position} although the log had all"
                    " behind it"
                )
        elif (
            after is not None
            and after.epoch == epoch == self._log.epoch
            and max(floor, self._log.floors.get(self.stream, 0)) <= after.seq <= head
        ):
            self._wrongs.append(
                f"{after} was refused ({start.reset_reason}) although the log had all behind it"
            )
        self.position = relay.position(self.stream)
        return hub.join(self.stream, self)
