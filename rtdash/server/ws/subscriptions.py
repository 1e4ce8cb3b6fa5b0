"""The streams that one connection follows: joined, being replayed, left. And what of them has
surely arrived.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from rtdash.hub import Subscription
from rtdash.protocol.channels import Position, Stream
from rtdash.protocol.codes import CloseCode
from rtdash.protocol.messages import encode, reset_message
from rtdash.relay.sequencer import HISTORY_GONE
from rtdash.server.ws.connection_context import ConnectionContext, Peer
from rtdash.server.ws.eager_task import begin
from rtdash.server.ws.send_queue import SendQueue
from rtdash.server.ws.stream_replay import Replay
from rtdash.store.database import StoreUnavailable

MAX_OPEN_MARKS = 16
"""Checkpoints of a replay with pongs that may still be on their way; an older one counts as never
answered.
"""


class StreamSubscription:
    """One stream. `subscription` is None while it is replayed; marks from number `since` on speak
    for it.
    """

    __slots__ = ("replay", "since", "subscription")

    def __init__(self) -> None:
        self.subscription: Subscription | None = None
        self.replay: Replay | None = None
        self.since = 0


class Subscriptions:
    """Every held stream is followed at the relay once, and released once, whatever happens
    between.
    """

    __slots__ = ("_context", "_fail", "_held", "_marked_replays", "_peer", "_send_queue")

    def __init__(
        self,
        context: ConnectionContext,
        send_queue: SendQueue,
        peer: Peer,
        fail: Callable[[], None],
    ) -> None:
        self._context = context
        self._send_queue = send_queue
        self._peer = peer
        self._fail = fail
        self._held: dict[Stream, StreamSubscription] = {}
        self._marked_replays: dict[int, dict[Stream, int]] | None = None

    def __contains__(self, stream: Stream) -> bool:
        return stream in self._held

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._held))

    def position(self, stream: Stream) -> Position:
        """Just before the next event of a held stream."""
        replay = self._held[stream].replay
        return (
            self._context.relay.position(stream)
            if replay is None
            else Position(self._context.relay.epoch, replay.seq)
        )

    def join(self, stream: Stream) -> Position:
        """Follow it from the head, which is given. The caller has followed it at the relay already,
        unless it is held.
        """
        held = self._hold(stream)
        position = self._context.relay.position(stream)
        self._enter(stream, held)
        return position

    def replay(self, stream: Stream, after_seq: int) -> None:
        """Follow it from behind `after_seq`, once the replays begin."""
        self._hold(stream).replay = Replay(self._send_queue, after_seq)

    def begin_replays(self) -> None:
        """Bring the client to the head of each stream that is to be replayed, and join there; in a
        task as far as that has to wait. Called behind the answer.
        """
        for stream, held in tuple(self._held.items()):
            replay = held.replay
            if replay is not None and not replay.has_begun:
                replay.has_begun = True
                self._go_on(stream, held, replay)

    def drop(self, stream: Stream) -> None:
        """Follow it no longer. Idempotent."""
        held = self._held.pop(stream, None)
        if held is not None:
            self._stop(stream, held)
            self._send_queue.forget(stream)
            self._context.relay.unfollow(stream)
            self._context.metrics.subscriptions.dec()

    def make_checkpoint(self) -> int:
        """The number of a mark that says what has been handed to this connection up to now."""
        replays = {
            stream: held.replay.seq
            for stream, held in self._held.items()
            if held.replay is not None
        }
        number = self._context.checkpoints.make(self._context.now(), is_own=bool(replays))
        if replays:  # the shared table knows nothing of them
            self._marked_replays = {**(self._marked_replays or {}), number: replays}
            while len(self._marked_replays) > MAX_OPEN_MARKS:
                del self._marked_replays[min(self._marked_replays)]
        return number

    def arrived(self, number: int) -> dict[Stream, int]:
        """Return what the client has surely got, once it has answered the checkpoint."""
        replays = (self._marked_replays or {}).get(number, {})
        known = {
            stream: self._arrived_of(stream, held, number, replays)
            for stream, held in self._held.items()
            if not stream.channel.is_state
        }
        if self._marked_replays is not None:
            self._marked_replays = {
                later: kept for later, kept in self._marked_replays.items() if later > number
            } or None
        return {stream: seq for stream, seq in known.items() if seq is not None}

    def _arrived_of(
        self, stream: Stream, held: StreamSubscription, number: int, replays: dict[Stream, int]
    ) -> int | None:
        if stream in replays:
            return replays[stream]
        return (
            self._context.checkpoints.seq(number, stream)
            if held.subscription is not None and held.since <= number
            else None
        )

    def _hold(self, stream: Stream) -> StreamSubscription:
        held = self._held.get(stream)
        if held is None:
            held = self._held[stream] = StreamSubscription()
            self._context.metrics.subscriptions.inc()
        self._stop(stream, held)
        return held

    def _stop(self, stream: Stream, held: StreamSubscription) -> None:
        if held.subscription is not None:
            self._context.hub.leave(held.subscription)
            held.subscription = None
        if held.replay is not None and held.replay.task is not None:
            held.replay.task.cancel()
            held.replay.task = None  # which ends with a traceback, in which the replay stands
        held.replay = None
        for replays in (
            self._marked_replays or {}
        ).values():  # a pong to come may be of another epoch by then
            replays.pop(stream, None)

    def _go_on(self, stream: Stream, held: StreamSubscription, replay: Replay) -> None:
        if held.replay is replay:  # not dropped, or begun anew, while it waited for its turn
            begin(self._catch_up(stream, held, replay), partial(self._spawn, replay))

    def _spawn(self, replay: Replay, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        replay.task = self._context.spawn(work)
        return replay.task

    def _enter(self, stream: Stream, held: StreamSubscription) -> None:
        held.subscription = self._context.hub.join(stream, self._send_queue)
        held.since = self._context.checkpoints.number + 1

    async def _catch_up(self, stream: Stream, held: StreamSubscription, replay: Replay) -> None:
        try:
            subscription = await self._context.relay.replay(stream, replay.seq, replay)
        except StoreUnavailable:
            self._context.metrics.replays.labels("failed").inc()
            self._peer.close(
                CloseCode.OVERLOADED,
                "what you missed can't be read at the moment: come back and resume",
                is_marked=False,
            )
            return
        except Exception:  # noqa: BLE001
            # the task is not awaited: a connection that it left behind would stay open and miss
            # events
            self._context.metrics.replays.labels("failed").inc()
            self._fail()
            return
        if held.replay is not replay:  # dropped, or begun anew, in the step in which it ended
            if subscription is not None:
                self._context.hub.leave(subscription)
            return
        if subscription is not None:
            # The replay was the member up to here; without awaiting, the connection itself takes
            # its place, or nothing does, and in its turn the replay goes on from here.
            self._context.hub.leave(subscription)
            if not self._waits(stream, held, replay):
                held.replay = None
                self._enter(stream, held)
            return
        held.replay = None
        if self._peer.is_open:
            self._reset(stream, held)

    def _waits(self, stream: Stream, held: StreamSubscription, replay: Replay) -> bool:
        """Whether a replay that is at the top waits for its turn, at most once."""
        if replay.has_waited:
            return False
        go_on = partial(self._go_on, stream, held, replay)
        replay.has_waited = self._context.replay_turns.wait(go_on)
        return replay.has_waited

    def _reset(self, stream: Stream, held: StreamSubscription) -> None:
        """Pruning has overtaken the replay (a new epoch would have ended it first): say so, and go
        on from the head.
        """
        position = self._context.relay.position(stream)
        self._enter(stream, held)
        message = reset_message(
            stream.channel,
            stream.venue,
            position=position,
            reason=HISTORY_GONE,
            timestamp=self._context.clock(),
        )
        self._send_queue.send((encode(message),))
