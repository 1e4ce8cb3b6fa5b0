"""Sequencer of each followed stream: order, loss and repeats are one comparison with the last
accepted seq (guide: architecture, "Only the relay decides what is next").
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.relay.log import EventSource
from rtdash.relay.single_flight import SingleFlight
from rtdash.relay.stream_state import StreamState

PAGE = 500
"""Events read from the log at once."""

NEW_EPOCH = "epoch_changed"
"""Reason of a reset: the log has another name than the position, e.g. after a restored backup."""

HISTORY_GONE = "history_gone"
"""Reason of a reset: the log no longer keeps what follows the position."""

BEYOND_HEAD = "beyond_head"
"""Reason of a reset: the log has never been as far as the position."""


class Sequencer:
    """The followed streams, and for each the last seq that was accepted.

    `on_reset(stream, reason)` is called when what follows the last accepted event is gone, with the
    hub already at the new edge.
    """

    def __init__(
        self,
        log: EventSource,
        hub: Hub,
        epoch: str,
        counts: Counter[str],
        *,
        on_changed: Callable[[Stream], None],
    ) -> None:
        self.epoch = epoch
        self.on_reset: Callable[[Stream, str], None] = _ignore
        self._log = log
        self._hub = hub
        self._counts = counts
        self._on_changed = on_changed
        self._streams: dict[Stream, StreamState] = {}
        self._behind: set[Stream] = set()
        self._polls = 0
        self._reads = SingleFlight()

    def __contains__(self, stream: Stream) -> bool:
        state = self._streams.get(stream)
        return state is not None and state.is_open

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def in_flight(self) -> int:
        """Reads of the log that are under way."""
        return len(self._reads)

    def accepted(self) -> dict[Stream, int]:
        """Return the last accepted seq of each stream that is open."""
        return {stream: state.accepted for stream, state in self._streams.items() if state.is_open}

    async def follow(self, stream: Stream) -> None:
        """Count one more follower; the first begins at the log's head. Raises StoreUnavailable, and
        then counts nothing.
        """
        state = self._streams.get(stream)
        if state is None:
            state = self._streams[stream] = StreamState()
        state.followers += 1
        try:
            if not state.is_open:
                await self._reads.join(state, lambda: self._open(stream, state))
        except BaseException:
            self._forget(stream, state)
            raise

    def unfollow(self, stream: Stream) -> None:
        """Count one less; the last one ends the tracking."""
        self._forget(stream, self._streams[stream])

    def accept(self, stream: Stream, first_seq: int, bodies: Sequence[bytes]) -> None:
        """Hand what comes next to the hub, drop what came before, and read from the log what is
        missing in between.
        """
        state = self._streams.get(stream)
        if state is None:
            self._on_changed(stream)
            return
        # One comparison with the last accepted seq decides everything. What is next goes out at
        # once. What is older was delivered already, by the log or by another notice. What lies
        # further ahead waits until the log has given what is missing: an event that overtook
        # another would make every client's position wrong.
        last, following = first_seq + len(bodies) - 1, state.accepted + 1
        if not state.is_open:
            state.request_up_to(last)
        elif last < following:
            self._counts["repeated"] += len(bodies)
        elif first_seq > following:
            self._counts["gaps"] += 1
            self.request_up_to(stream, last)
        else:
            known = following - first_seq
            self._publish(stream, state, bodies[known:] if known else bodies)

    def request_up_to(self, stream: Stream, seq: int) -> None:
        """Read up to event `seq`, which is known to exist, unless it is here already."""
        state = self._streams.get(stream)
        if state is not None:
            state.request_up_to(seq)
            self._retry_if_behind(stream, state)

    def retry_gaps(self) -> None:
        """Take up again what a fault of the store had ended."""
        for stream in tuple(self._behind):
            state = self._streams.get(stream)
            if state is None or state.accepted >= state.requested:
                self._behind.discard(stream)
            else:
                self._retry_if_behind(stream, state)

    def begin_poll(self) -> None:
        """Keep what is accepted now, for `is_ahead_of`."""
        self._polls += 1

    def is_ahead_of(self, heads: Mapping[Stream, int]) -> bool:
        """Whether more was accepted than these heads say, which were read after `begin_poll`.
        What was accepted since then proves nothing.
        """
        return any(self._accepted_before_poll(stream) > seq for stream, seq in heads.items())

    async def catch_up_to(self, stream: Stream, seq: int) -> bool:
        """Read the log up to `seq`. False when it doesn't go as far. Raises StoreUnavailable."""
        state = self._streams[stream]
        state.request_up_to(seq)
        if state.accepted < seq:
            await self._reads.join((state, self.epoch), lambda: self._read_gap(stream, state))
        return state.accepted >= seq

    def restart(self, epoch: str, heads: Mapping[Stream, int]) -> list[Stream]:
        """Go on at the heads of a log of another name. Returns the streams concerned."""
        self.epoch = epoch
        streams = list(self.accepted())
        for stream in streams:
            self._on_changed(stream)
            self._streams[stream].go_to(heads.get(stream, 0))
            self._hub.track(stream, heads.get(stream, 0))
        return streams

    async def cancel_reads(self) -> None:
        """End the reads that are under way."""
        await self._reads.cancel_all()

    async def _open(self, stream: Stream, state: StreamState) -> None:
        epoch = None
        while (
            epoch != self.epoch
        ):  # a head that was read before the log got another name is no head of this one
            epoch = self.epoch
            _, heads = await self._log.read_heads((stream,))
        if self._streams.get(stream) is not state:
            return
        seen = state.requested
        state.polls, state.accepted_before = self._polls, 0
        state.go_to(heads.get(stream, 0))
        state.is_open = True
        self._hub.track(stream, state.accepted)
        # What was committed before is behind the head and is never accepted: say so here.
        self._on_changed(stream)
        self.request_up_to(stream, seen)

    def _publish(self, stream: Stream, state: StreamState, bodies: Sequence[bytes]) -> None:
        self._hub.publish(stream, state.accepted + 1, bodies)
        state.advance(state.accepted + len(bodies), self._polls)
        self._counts["accepted"] += len(bodies)
        self._on_changed(stream)

    def _retry_if_behind(self, stream: Stream, state: StreamState) -> None:
        if state.is_open and state.accepted < state.requested:
            # By epoch: a read that began under another name of the log ends without an answer.
            self._reads.start((state, self.epoch), lambda: self._read_gap(stream, state))

    async def _read_gap(self, stream: Stream, state: StreamState) -> None:
        """Accept from the log until nothing that was seen is missing, or the log has no
        more.
        """
        self._behind.add(stream)  # until it is through: a fault leaves it there
        while state.accepted < state.requested:
            requests, epoch = state.requests, self.epoch
            events = await self._log.events(stream, state.accepted, PAGE)
            floor = events[0].seq - 1 if events else await self._log.floor(stream)
            if self._streams.get(stream) is not state or self.epoch != epoch:
                return
            if floor > state.accepted:
                self._skip(stream, state, floor)
            if events:
                self.accept(stream, events[0].seq, [event.body for event in events])
            elif state.requests == requests:
                state.requested = (
                    state.accepted
                )  # a notice, or a client, named what the log never had
        self._behind.discard(stream)

    def _skip(self, stream: Stream, state: StreamState, floor: int) -> None:
        """Pruning has overtaken us: what was next is gone."""
        state.advance(floor, self._polls)
        self._hub.track(stream, floor)
        self._on_changed(stream)
        self.on_reset(stream, HISTORY_GONE)

    def _accepted_before_poll(self, stream: Stream) -> int:
        state = self._streams.get(stream)
        if state is None or not state.is_open:
            return 0
        return state.accepted_before if state.polls == self._polls else state.accepted

    def _forget(self, stream: Stream, state: StreamState) -> None:
        state.followers -= 1
        if state.followers == 0:
            del self._streams[stream]
            self._hub.untrack(stream)


def _ignore(_stream: Stream, _reason: str) -> None:
    """Ignore a reset: no listener is set yet."""
