"""The relay of a process: announcements and notices in, looks at the heads, the one place that
retries the broker.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from rtdash.broker.base import Broker, Notice
from rtdash.domain.instants import Clock
from rtdash.hub import Hub, Subscription
from rtdash.protocol.channels import Position, Stream
from rtdash.relay.broker_connection import BrokerConnection
from rtdash.relay.head_poller import ALONE_INTERVAL_S, POLL_INTERVAL_S, PollPlan, Reach
from rtdash.relay.log import EventSource
from rtdash.relay.replays import Replayer, Replays, ReplayStart
from rtdash.relay.sequencer import NEW_EPOCH, Sequencer
from rtdash.relay.stream_notices import notices_of, runs_of, source_of
from rtdash.store.database import DatabaseReplaced, StoreUnavailable
from rtdash.store.event_log import StoredEvent

REFUTE_INTERVAL_S = 600.0
"""How often a position that may be made up can make every client start over."""

_log = logging.getLogger(__name__)


class Relay:
    """One process's view of the log.

    `on_accepted(stream)` is called for each growth of a followed event stream. `on_epoch(epoch)`
    when the log got another name, then `on_reset(stream, reason)` for each followed stream; the
    latter also when pruning overtook a stream. Its members stay and stand at `position(stream)`
    then: each must get a reset. `counts` only grow: accepted, repeated, gaps, recovered, reset,
    looks. With `is_alone` the broker leads to no other process, and gets nothing but what shows
    that it works.
    """

    def __init__(
        self,
        log: EventSource,
        hub: Hub,
        broker: Broker,
        epoch: str,
        *,
        clock: Clock,
        on_changed: Callable[[Stream], None],
        is_alone: bool = False,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.on_epoch: Callable[[str], None] = _ignore
        self._log = log
        self._hub = hub
        self._clock = clock
        self._on_changed = on_changed
        self._is_alone = is_alone
        self._sequencer = Sequencer(log, hub, epoch, self.counts, on_changed=on_changed)
        self._replays = Replays(log, hub, self._sequencer, self.counts, refute=self.refute)
        self._broker_connection = BrokerConnection(broker, self._receive)
        self._plan = PollPlan(clock)
        self._drew_at = float("-inf")
        self._is_poll_due = True

    @property
    def epoch(self) -> str:
        """The name of the log."""
        return self._sequencer.epoch

    @property
    def on_reset(self) -> Callable[[Stream, str], None]:
        """Callback that announces to the members of a stream that their history is gone."""
        return self._sequencer.on_reset

    @on_reset.setter
    def on_reset(self, hook: Callable[[Stream, str], None]) -> None:
        self._sequencer.on_reset = hook

    @property
    def status(self) -> Literal["ok", "degraded"]:
        """Whether notices travel; events arrive either way, without them within POLL_INTERVAL_S."""
        return self._broker_connection.status

    @property
    def broker_connection(self) -> BrokerConnection:
        """The way to the broker, for its figures."""
        return self._broker_connection

    @property
    def followed(self) -> int:
        """How many event streams are followed."""
        return len(self._sequencer)

    @property
    def in_flight(self) -> int:
        """Reads of the log that are under way for streams and subscribers."""
        return self._sequencer.in_flight + self._replays.in_flight

    def announce(self, events: Sequence[StoredEvent]) -> None:
        """Announce what this process has just committed, in the order of commit: to its own members
        at once, to other processes by the broker.
        """
        runs, epoch = runs_of(events), self.epoch
        for stream, (first_seq, bodies) in runs.items():
            self._sequencer.accept(stream, first_seq, bodies)
        if not self._is_alone:
            self._broker_connection.enqueue(notices_of(runs, epoch))

    async def follow(self, stream: Stream) -> None:
        """Count one more follower of the stream here. A stats stream follows the events that its
        figures come from.

        Raises StoreUnavailable or CancelledError, and then counts nothing.
        """
        await self._sequencer.follow(source_of(stream))

    def unfollow(self, stream: Stream) -> None:
        """Count one follower less. Raises KeyError where there was none."""
        self._sequencer.unfollow(source_of(stream))

    async def prepare(self, stream: Stream, after: Position | None) -> ReplayStart:
        """Whether a followed event stream can be recovered from `after` (None: a fresh
        subscription). Raises StoreUnavailable.
        """
        return await self._replays.prepare(stream, after)

    def position(self, stream: Stream) -> Position:
        """Just before the next event that members get. Don't await between this and `hub.join`."""
        return Position(self.epoch, self._hub.top(stream))

    async def replay(
        self, stream: Stream, after_seq: int, replayer: Replayer
    ) -> Subscription | None:
        """Deliver what is behind `after_seq`, then join the hub at its top. Raises
        StoreUnavailable.

        None when the replayer closed, or the rest can't be had any more: send a reset then and join
        at `position`.
        """
        return await self._replays.replay(stream, after_seq, replayer)

    async def run(self) -> None:
        """Listen to the broker and look at the heads, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._broker_connection.stay_connected(), name="broker connection")
            group.create_task(self._poll_forever(), name="heads")

    async def poll_heads(self, reach: Reach = Reach.FULL) -> None:
        """Compare with the heads in the log. Raises StoreUnavailable. Never two at once."""
        self.counts["looks"] += 1
        self._sequencer.begin_poll()
        began_at, since = self._clock(), self._plan.since(reach)
        followed = tuple(self._sequencer.accepted()) if reach is Reach.FULL else ()
        try:
            found = await self._log.read_changed_heads(since, self._plan.mark)
            epoch, heads, mark = found.epoch, found.heads, found.mark
            if followed and epoch == self.epoch:
                heads = {**heads, **(await self._log.read_heads(followed))[1]}
        except DatabaseReplaced:
            epoch, heads, mark = await self._log.draw_epoch(self.epoch), {}, None
        if epoch == self.epoch and self._sequencer.is_ahead_of(heads):
            _log.warning("the log is behind what was seen of it: it gets a new epoch")
            epoch = await self._log.draw_epoch(self.epoch)
        if epoch != self.epoch:
            await self._start_over()
            return
        for stream, seq in heads.items():
            # Also of streams that are only being opened: the head with which they open may have
            # been read before the event was committed.
            self._sequencer.request_up_to(stream, seq)
        for stream in self._plan.note(reach, began_at, heads, mark):
            if stream not in self._sequencer:
                self._on_changed(stream)

    async def refute(
        self, stream: Stream, position: Position, *, is_believed: bool = False
    ) -> None:
        """Draw a new epoch, because a client holds a position of this one beyond the log's end.

        The log has lost events, and will give their numbers again: no position of the epoch may be
        followed any more. One that this process hasn't seen may be made up, and is passed over;
        with `is_believed` it counts, but once in REFUTE_INTERVAL_S: StoreUnavailable in between, so
        that a client can't make all others start over again and again.
        """
        if position.epoch != self.epoch:
            return
        now = time.monotonic()
        if position.seq > self._plan.head(stream):
            if not is_believed:
                return
            if now - self._drew_at < REFUTE_INTERVAL_S:
                raise StoreUnavailable(
                    "the position is beyond the end of the log",
                    reason="beyond_head",
                    hint="reload by REST and subscribe without a position",
                )
            self._drew_at = now
        _log.warning("a client's position is beyond the log's end: the log gets a new epoch")
        await self._log.draw_epoch(self.epoch)
        await self._start_over()

    def require_full_poll(self) -> None:
        """Have the next poll compare everything, whether the log has moved or not."""
        self._plan.forget()
        self._is_poll_due = True

    async def cancel_reads(self) -> None:
        """End the reads that are under way."""
        await self._sequencer.cancel_reads()
        await self._replays.cancel_reads()

    def _receive(self, notice: Notice) -> None:
        if notice.epoch == self.epoch:
            self._sequencer.accept(notice.stream, notice.first_seq, notice.bodies)

    async def _poll_forever(self) -> None:
        is_failing = False
        while True:
            await asyncio.sleep(ALONE_INTERVAL_S if self._is_alone else POLL_INTERVAL_S)
            try:
                await self._poll_if_moved()
            except Exception as fault:  # noqa: BLE001
                # a task's outermost loop: the store comes back, and this must be there then
                if not is_failing:
                    _log.warning("the heads can't be read: %s", fault)
                is_failing = True
            else:
                is_failing = False

    async def _poll_if_moved(self) -> None:
        self._sequencer.retry_gaps()
        self._is_poll_due = await self._log.has_moved() or self._is_poll_due
        if not self._is_poll_due:
            return
        await self.poll_heads(self._plan.next_reach())
        self._is_poll_due = False

    async def _start_over(self) -> None:
        self._plan.mark = None  # the same numbers are given again
        epoch, heads = await self._log.read_heads()
        streams = self._sequencer.restart(epoch, heads)
        self.on_epoch(epoch)
        for stream in streams:
            self.on_reset(stream, NEW_EPOCH)


def _ignore(_epoch: str) -> None:
    """Ignore a new epoch: no listener is set yet."""
