"""Fan-out inside one process: what the relay accepted goes to the members of a stream, framed once
a flush. Synchronous throughout.
"""

import logging
import time
from collections.abc import Callable, Sequence

from rtdash.hub.fanout import NULL_SUBSCRIBER, StreamFanout, Subscriber, Subscription
from rtdash.hub.flush_pacer import FlushPacer
from rtdash.hub.replay_cache import ReplayCache
from rtdash.protocol.channels import Stream
from rtdash.protocol.encoded_batch import EncodedBatch

_log = logging.getLogger(__name__)


class Hub:
    """The members and the present edge of each stream.

    `call_soon` and `call_later` are the event loop's; the clocks give seconds, `clock_cpu` those
    that the loop's thread has worked.
    The counters only grow: messages handed to members, flushes, and subscribers dropped because
    they raised.
    """

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], object],
        clock_monotonic: Callable[[], float],
        *,
        clock_cpu: Callable[[], float] = time.thread_time,
        compress_min_bytes: int = 512,
    ) -> None:
        self.delivered = 0
        self.flushes = 0
        self.faults = 0
        self._call_soon = call_soon
        self._call_later = call_later
        self._pacer = FlushPacer(clock_monotonic, clock_cpu)
        self._compress_min_bytes = compress_min_bytes
        self._fanouts: dict[Stream, StreamFanout] = {}
        self._due: dict[Stream, StreamFanout] = {}
        self._replay_cache = ReplayCache()
        self._is_scheduled = self._is_in_this_turn = False
        self._is_flushing = False

    def join(self, stream: Stream, subscriber: Subscriber) -> Subscription:
        """Deliver to `subscriber` what lies behind `top(stream)`, from now on. Don't await between
        reading `top` and this.
        """
        subscription = Subscription(stream, subscriber)
        fanout = self._fanout(stream)
        fanout.members[subscription] = None
        fanout.targets = None
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """End a membership: nothing more is delivered, not even by a flush that is under way.
        Idempotent.
        """
        subscription.subscriber = NULL_SUBSCRIBER
        fanout = self._fanouts.get(subscription.stream)
        if fanout is not None and subscription in fanout.members:
            del fanout.members[subscription]
            fanout.targets = None
            self._drop_if_idle(subscription.stream, fanout)

    def track(self, stream: Stream, top: int) -> None:
        """Carry the stream's events, from behind `top`. Pending and kept ones are dropped; members
        stay.
        """
        fanout = self._fanout(stream)
        fanout.is_tracked = True
        fanout.restart(top)
        self._replay_cache.evict(stream)

    def untrack(self, stream: Stream) -> None:
        """Carry the stream's events no longer."""
        fanout = self._fanouts.get(stream)
        if fanout is not None:
            fanout.is_tracked = False
            fanout.restart(0)
            self._replay_cache.evict(stream)
            self._drop_if_idle(stream, fanout)

    def publish(self, stream: Stream, first_seq: int, bodies: Sequence[bytes]) -> None:
        """Queue events of a tracked stream, right behind those before them. They reach the members
        at the next flush.
        """
        fanout = self._fanouts[stream]
        assert fanout.is_tracked, "the relay carries a stream only while it tracks it"
        assert first_seq == fanout.top + len(fanout.pending) + 1, (
            "only the relay publishes, in order"
        )
        fanout.pending.extend(bodies)
        self._make_due(stream, fanout)

    def publish_state(self, stream: Stream, kind: str, body: bytes) -> None:
        """Queue the latest state message of its kind. It replaces the one that waits for a flush,
        which is never sent. Without members it is dropped.
        """
        fanout = self._fanouts.get(stream)
        if fanout is not None and fanout.members:
            fanout.states[kind] = body
            fanout.fresh.add(kind)
            self._make_due(stream, fanout)

    def states(self, stream: Stream) -> tuple[bytes, ...]:
        """Return the latest state message of each kind since the stream has members, for
        subscribers that missed some.
        """
        fanout = self._fanouts.get(stream)
        return () if fanout is None else tuple(fanout.states.values())

    def top(self, stream: Stream) -> int:
        """Return the last seq handed to transports. It moves as a flush begins: a subscriber that
        joins during it isn't reached by it any more.
        """
        fanout = self._fanouts.get(stream)
        return 0 if fanout is None else fanout.top

    def tops(self) -> dict[Stream, int]:
        """Return the `top` of each stream that is tracked."""
        return {stream: fanout.top for stream, fanout in self._fanouts.items() if fanout.is_tracked}

    def recent(self, stream: Stream, after: int) -> EncodedBatch | None:
        """Return flushed events from `after + 1` on, as many as went out together; None when that
        one isn't kept.
        """
        return self._replay_cache.after(stream, after)

    def batch(self, stream: Stream, first_seq: int, bodies: tuple[bytes, ...]) -> EncodedBatch:
        """Return a batch for a single subscriber, e.g. of a replay, compressed like those of a
        flush.
        """
        return EncodedBatch(stream, first_seq, bodies, self._compress_min_bytes)

    def has_members(self, stream: Stream) -> bool:
        """Whether the stream has members in this process."""
        return self.members(stream) > 0

    def members(self, stream: Stream) -> int:
        """Return the number of the stream's members in this process."""
        fanout = self._fanouts.get(stream)
        return 0 if fanout is None else len(fanout.members)

    def streams(self) -> tuple[Stream, ...]:
        """Return the streams that have members or are tracked."""
        return tuple(self._fanouts)

    def flush_now(self) -> None:
        """Hand over all that is pending. Within a flush it does nothing: the one under way must
        reach every subscriber first.
        """
        if self._is_flushing or not self._due:
            return
        # What is due is taken out first: a subscriber that publishes while it is written to makes
        # the next flush, and never lengthens this one. Each stream is framed once, whatever the
        # number of its members, and `top` moves before the first write: a member that joins from
        # within a write stands behind this batch and must not get it again.
        due, self._due = self._due, {}
        self._is_flushing = True
        self._pacer.start()
        try:
            for stream, fanout in due.items():
                self._flush(stream, fanout)
        finally:
            self._is_flushing = False
            self._pacer.end()
            self.flushes += 1

    def _flush(self, stream: Stream, fanout: "StreamFanout") -> None:
        batch = fanout.take(stream, self._compress_min_bytes)
        if batch is None:
            return
        if batch.first_seq:
            self._replay_cache.keep(batch)
        targets = fanout.targets
        if targets is None:
            targets = fanout.targets = tuple(fanout.members)
        frames = batch.frames if targets else b""
        for subscription in targets:
            subscriber = subscription.subscriber
            write = subscriber.write
            try:
                if write is None:
                    subscriber.deliver(batch)
                else:
                    write(frames)
            except Exception as fault:  # noqa: BLE001
                # whatever it is, those behind it must get theirs
                self._fail(subscription, batch, fault)
        self.delivered += len(targets) * len(batch.bodies)

    def _fail(self, subscription: Subscription, batch: EncodedBatch, fault: Exception) -> None:
        """Drop a subscriber that raised. `deliver` is called once more if only its transport's
        `write` raised: that is what an ending transport does, and `deliver` handles it.
        """
        subscriber = subscription.subscriber
        if subscriber.write is not None:
            try:
                subscriber.deliver(batch)
            except Exception as again:  # noqa: BLE001
                fault = again
            else:
                return
        _log.error(
            "a subscriber of %s/%s raised and was dropped", *subscription.stream, exc_info=fault
        )
        self.faults += 1
        self.leave(subscription)
        subscriber.failed()

    def _make_due(self, stream: Stream, fanout: "StreamFanout") -> None:
        """Flush at the end of this turn of the loop, or when the pace allows."""
        self._due[stream] = fanout
        if self._is_in_this_turn:
            return  # news of one turn come together: the first was noted for all of them
        self._pacer.note_publish()
        if self._is_scheduled:
            return
        self._is_scheduled = True
        wait_s = self._pacer.wait_s()
        if wait_s > 0:
            self._call_later(wait_s, self._flush_scheduled)
        else:
            self._is_in_this_turn = True
            self._call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._is_scheduled = self._is_in_this_turn = False
        self.flush_now()

    def _fanout(self, stream: Stream) -> "StreamFanout":
        fanout = self._fanouts.get(stream)
        if fanout is None:
            fanout = self._fanouts[stream] = StreamFanout()
        return fanout

    def _drop_if_idle(self, stream: Stream, fanout: "StreamFanout") -> None:
        if not fanout.members:
            fanout.states.clear()
            fanout.fresh.clear()
            if not fanout.is_tracked and self._fanouts.get(stream) is fanout:
                del self._fanouts[stream]
