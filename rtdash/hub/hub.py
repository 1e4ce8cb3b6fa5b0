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
        self._pace = FlushPacer(clock_monotonic, clock_cpu)
        self._compress_min_bytes = compress_min_bytes
        self._feeds: dict[Stream, StreamFanout] = {}
        self._due: dict[Stream, StreamFanout] = {}
        self._recent = ReplayCache()
        self._is_scheduled = False
        self._is_flushing = False

    def join(self, stream: Stream, subscriber: Subscriber) -> Subscription:
        """Whatever lies behind `top(stream)` goes to `subscriber` from now on. Don't await between
        reading `top` and this.
        """
        subscription = Subscription(stream, subscriber)
        feed = self._feed(stream)
        feed.members[subscription] = None
        feed.targets = None
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Nothing more is delivered to it, not even by a flush that is under way. Idempotent."""
        subscription.subscriber = NULL_SUBSCRIBER
        feed = self._feeds.get(subscription.stream)
        if feed is not None and subscription in feed.members:
            del feed.members[subscription]
            feed.targets = None
            self._drop_if_idle(subscription.stream, feed)

    def track(self, stream: Stream, top: int) -> None:
        """Carry the stream's events, from behind `top`. What was pending or kept of it is void;
        members stay.
        """
        feed = self._feed(stream)
        feed.is_tracked = True
        feed.restart(top)
        self._recent.forget(stream)

    def untrack(self, stream: Stream) -> None:
        """Its events are no longer carried."""
        feed = self._feeds.get(stream)
        if feed is not None:
            feed.is_tracked = False
            feed.restart(0)
            self._recent.forget(stream)
            self._drop_if_idle(stream, feed)

    def publish(self, stream: Stream, first_seq: int, bodies: Sequence[bytes]) -> None:
        """Events of a tracked stream, right behind those before them. They reach the members at the
        next flush.
        """
        feed = self._feeds[stream]
        assert feed.is_tracked, "the relay carries a stream only while it tracks it"
        assert first_seq == feed.top + len(feed.pending) + 1, "only the relay publishes, in order"
        feed.pending.extend(bodies)
        self._make_due(stream, feed)

    def publish_state(self, stream: Stream, kind: str, body: bytes) -> None:
        """The latest state message of its kind; what it replaces before a flush is never sent.
        Without members it is nothing.
        """
        feed = self._feeds.get(stream)
        if feed is not None and feed.members:
            feed.states[kind] = body
            feed.fresh.add(kind)
            self._make_due(stream, feed)

    def states(self, stream: Stream) -> tuple[bytes, ...]:
        """The latest state message of each kind since the stream has members; for those who had to
        let some pass.
        """
        feed = self._feeds.get(stream)
        return () if feed is None else tuple(feed.states.values())

    def top(self, stream: Stream) -> int:
        """The last seq handed to transports. It moves as a flush begins: who joins during it isn't
        reached by it any more.
        """
        feed = self._feeds.get(stream)
        return 0 if feed is None else feed.top

    def recent(self, stream: Stream, after: int) -> EncodedBatch | None:
        """Flushed events from `after + 1` on, as far as they went out together. None when that one
        isn't kept.
        """
        return self._recent.after(stream, after)

    def batch(self, stream: Stream, first_seq: int, bodies: tuple[bytes, ...]) -> EncodedBatch:
        """A parcel for a single subscriber, e.g. of a replay, compressed like those of a flush."""
        return EncodedBatch(stream, first_seq, bodies, self._compress_min_bytes)

    def has_members(self, stream: Stream) -> bool:
        """Whether anybody follows it in this process."""
        return self.members(stream) > 0

    def members(self, stream: Stream) -> int:
        """How many follow it in this process."""
        feed = self._feeds.get(stream)
        return 0 if feed is None else len(feed.members)

    def streams(self) -> tuple[Stream, ...]:
        """Those that have members or are tracked."""
        return tuple(self._feeds)

    def flush_now(self) -> None:
        """Hand over all that is pending. Within a flush it does nothing: the one under way must
        reach everybody first.
        """
        if self._is_flushing or not self._due:
            return
        due, self._due = self._due, {}
        self._is_flushing = True
        self._pace.start()
        try:
            for stream, feed in due.items():
                self._flush(stream, feed)
        finally:
            self._is_flushing = False
            self._pace.end()
            self.flushes += 1

    def _flush(self, stream: Stream, feed: "StreamFanout") -> None:
        batch = feed.take(stream, self._compress_min_bytes)
        if batch is None:
            return
        if batch.first_seq:
            self._recent.keep(batch)
        targets = feed.targets
        if targets is None:
            targets = feed.targets = tuple(feed.members)
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
        """Drop a subscriber that raised. A transport that ends raises, too: with care, the same is
        nothing.
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

    def _make_due(self, stream: Stream, feed: "StreamFanout") -> None:
        """Flush at the end of this turn of the loop, or when the pace allows."""
        self._due[stream] = feed
        self._pace.ask()
        if self._is_scheduled:
            return
        self._is_scheduled = True
        wait_s = self._pace.wait_s()
        if wait_s > 0:
            self._call_later(wait_s, self._flush_scheduled)
        else:
            self._call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self.flush_now()

    def _feed(self, stream: Stream) -> "StreamFanout":
        feed = self._feeds.get(stream)
        if feed is None:
            feed = self._feeds[stream] = StreamFanout()
        return feed

    def _drop_if_idle(self, stream: Stream, feed: "StreamFanout") -> None:
        if not feed.members:
            feed.states.clear()
            feed.fresh.clear()
            if not feed.is_tracked and self._feeds.get(stream) is feed:
                del self._feeds[stream]
