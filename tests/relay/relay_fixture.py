"""A relay over a fake log, and how the tests of the relay look at what came of it."""

import asyncio
import time

from rtdash.broker.base import Notice
from rtdash.broker.memory import MemoryBroker
from rtdash.domain.instants import from_ms
from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.relay import Relay
from rtdash.store.event_log import StoredEvent
from tests.fakes import BOOKINGS, FakeLog, Member


class RelayFixture:
    """A relay over a fake log, with what its hooks were given."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.log = FakeLog()
        self.hub = Hub(loop.call_soon, loop.call_later, time.monotonic)
        self.changed: list[Stream] = []
        self.resets: list[tuple[Stream, str]] = []
        self.broker = MemoryBroker()
        self.relay = Relay(
            self.log,
            self.hub,
            self.broker,
            "e1",
            clock=lambda: from_ms(0),
            on_changed=self.changed.append,
        )
        self.relay.on_reset = lambda stream, reason: self.resets.append((stream, reason))

    async def member(self, stream: Stream = BOOKINGS) -> Member:
        """A subscriber that follows from the head."""
        member = Member()
        await self.relay.follow(stream)
        self.hub.join(stream, member)
        return member

    def notice(self, events: list[StoredEvent], epoch: str = "e1") -> None:
        """A notice of another process about these events."""
        self.relay._receive(
            Notice(events[0].stream, epoch, events[0].seq, tuple(event.body for event in events))
        )


async def settled(turns: int = 10) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def seqs(member: Member) -> list[int]:
    return [int(body.split()[3]) for body in member.bodies]
