"""How a subscriber that was away catches up: from its position to the hub's top, then it joins
without a gap (guide: architecture, "Replay to the top, then join without awaiting").
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from rtdash.hub import EncodedBatch, Hub, Subscriber, Subscription
from rtdash.protocol.channels import Position, Stream
from rtdash.relay.log import EventSource
from rtdash.relay.sequencer import BEYOND_HEAD, HISTORY_GONE, NEW_EPOCH, PAGE, Sequencer
from rtdash.relay.single_flight import SingleFlight

FLOOR_TTL_S = 1.0
"""How long the floor of a stream is believed, so that a storm of resumes reads it once; a replay
notices what was pruned since."""


class Replayer(Subscriber, Protocol):
    """A subscriber that is being brought up to date."""

    @property
    def is_open(self) -> bool:
        """Whether it still wants to be."""

    async def drained(self) -> None:
        """Wait until more can be delivered: the only backpressure there is."""


@dataclass(frozen=True, slots=True)
class ReplayStart:
    """Where a subscription begins: behind `after_seq`, or at the head (None). `recovered` is None
    when no position was given.
    """

    stream: Stream
    recovered: bool | None
    after_seq: int | None
    reset_reason: str | None = None


class Replays:
    """Recovery: it decides what can be recovered, and recovers it. Requests for the same page of
    the log share one read and its frames.
    """

    def __init__(
        self,
        log: EventSource,
        hub: Hub,
        sequencer: Sequencer,
        counts: Counter[str],
        *,
        refute: Callable[[Stream, Position], Awaitable[None]],
        clock_monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._hub = hub
        self._sequencer = sequencer
        self._counts = counts
        self._refute = refute
        self._clock = clock_monotonic
        self._reads = SingleFlight()
        self._floors: dict[Stream, tuple[str, float, int]] = {}

    @property
    def in_flight(self) -> int:
        """Reads of the log that are under way."""
        return len(self._reads)

    async def prepare(self, stream: Stream, after: Position | None) -> ReplayStart:
        """Whether everything behind `after` can be had. The stream must be followed. Raises
        StoreUnavailable.

        A position beyond `top` came from a faster process, or is only pending here: both are caught
        up first.
        """
        if after is None:
            return ReplayStart(stream, None, None)
        reason = await self._why_not(stream, after)
        self._counts["reset" if reason else "recovered"] += 1
        return ReplayStart(stream, reason is None, None if reason else after.seq, reason)

    async def replay(
        self, stream: Stream, after_seq: int, replayer: Replayer
    ) -> Subscription | None:
        """Deliver what lies between `after_seq` and `top`, then join in the same step. Raises
        StoreUnavailable.

        None when the replayer closed, when the stream isn't followed any more, or when pruning or a
        new epoch made the rest unreachable.
        """
        epoch, seq = self._sequencer.epoch, after_seq
        while (
            replayer.is_open
            and stream in self._sequencer
            and self._sequencer.epoch == epoch
            and seq <= self._hub.top(stream)
        ):
            # Replay to the top as it stands now, then join in the step that found nothing left. The
            # live buffer is never a way for history: with more history than buffer it would fill,
            # and the replay would wait for room that only the replay could make. While a page is on
            # its way the top moves on; the loop asks again until both are equal.
            top = self._hub.top(stream)
            if seq == top:
                return self._hub.join(
                    stream, replayer
                )  # no await since `top` was read: nothing lies between
            batch = self._hub.recent(stream, seq) or await self._page(
                stream, seq, min(top, seq + PAGE), epoch
            )
            if batch is None:
                return None
            if replayer.is_open and self._sequencer.epoch == epoch:
                replayer.deliver(batch)
                seq = batch.last_seq
                await replayer.drained()
        return None

    async def cancel_reads(self) -> None:
        """End the reads that are under way."""
        await self._reads.cancel_all()

    async def _why_not(self, stream: Stream, after: Position) -> str | None:
        """The reason why `after` can't be followed, or None."""
        if after.epoch != self._sequencer.epoch:
            return NEW_EPOCH
        if after.seq > self._hub.top(stream):
            reached = await self._sequencer.catch_up_to(stream, after.seq)
            self._hub.flush_now()
            if not reached:
                if after.epoch != self._sequencer.epoch:
                    return NEW_EPOCH
                await self._refute(stream, after)
                return BEYOND_HEAD
        floor = after.seq if after.seq == self._hub.top(stream) else await self._floor(stream)
        if after.epoch != self._sequencer.epoch:
            return NEW_EPOCH
        return None if after.seq >= floor else HISTORY_GONE

    async def _floor(self, stream: Stream) -> int:
        known = self._floors.get(stream)
        epoch, now = self._sequencer.epoch, self._clock()
        if known is None or known[0] != epoch or now - known[1] > FLOOR_TTL_S:
            floor = await self._reads.join(
                (stream, "floor", epoch), lambda: self._log.floor(stream)
            )
            known = self._floors[stream] = (epoch, now, floor)
        return known[2]

    async def _page(
        self, stream: Stream, after: int, until: int, epoch: str
    ) -> EncodedBatch | None:
        return await self._reads.join(
            (stream, after, until, epoch), lambda: self._read_page(stream, after, until)
        )

    async def _read_page(self, stream: Stream, after: int, until: int) -> EncodedBatch | None:
        """Events `after + 1` to `until`; None when the first of them is gone."""
        events = await self._log.events(stream, after, until - after)
        if not events or events[0].seq != after + 1:
            return None
        return self._hub.batch(stream, after + 1, tuple(event.body for event in events))
