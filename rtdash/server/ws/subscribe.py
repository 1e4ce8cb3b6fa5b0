"""The way into streams, in two parts: what must be waited for, and one step of the loop in which
everything happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rtdash.protocol import answers
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.messages import Message, encode, reset_message
from rtdash.relay import ReplayStart
from rtdash.relay.sequencer import BEYOND_HEAD, NEW_EPOCH
from rtdash.server.ws.bound_session import BoundSession
from rtdash.server.ws.connection_context import ConnectionContext
from rtdash.server.ws.subscriptions import Subscriptions


class PendingSubscribe:
    """Streams that one action is about: `await prepare`, then `commit`, then `covered` and
    `following` say what to send.
    """

    def __init__(
        self, context: ConnectionContext, subscriptions: Subscriptions, session: BoundSession
    ) -> None:
        self._context = context
        self._subscriptions = subscriptions
        self._session = session
        self._wanted: Mapping[Stream, Position | None] = {}
        self._new: list[Stream] = []
        self._starts: dict[Stream, ReplayStart] = {}
        self._positions: dict[Stream, Position] = {}

    @property
    def is_change(self) -> bool:
        """Whether the session's row has to change."""
        return bool(self._new or self._starts)

    async def prepare(self, wanted: Mapping[Stream, Position | None]) -> None:
        """Wait for whatever the streams need. Raises StoreUnavailable; then call `rollback`."""
        context = self._context
        self._wanted = wanted
        for stream, position in wanted.items():
            if stream not in self._subscriptions:
                await context.relay.follow(stream)
                self._new.append(stream)
            if stream.channel.is_state:
                await context.dashboard.current_states(stream)
            elif stream in self._new or position is not None:
                self._starts[stream] = await context.relay.prepare(stream, position)

    def rollback(self) -> None:
        """Release what `prepare` has taken."""
        for stream in self._new:
            self._context.relay.unfollow(stream)
        self._new.clear()

    def baseline(self) -> dict[Stream, Position]:
        """Return the positions after which a client that comes back with nothing but the session
        gets everything. Where the history is gone that is no further than before: until the reset
        has arrived, it is to be sent again.
        """
        heads = {stream: self._context.relay.position(stream) for stream in self._starts}
        return {
            stream: (
                heads[stream]
                if start.reset_reason == BEYOND_HEAD
                else self._wanted[stream] or heads[stream]
            )
            for stream, start in self._starts.items()
        }

    def commit(self) -> None:
        """Join, or begin to replay. Nothing is awaited from here until the answer is sent."""
        self._check_epoch()
        self._session.confirmed.update(self.baseline())
        for stream in self._wanted:
            start = self._starts.get(stream)
            if start is not None and start.after_seq is not None:
                self._subscriptions.replay(stream, start.after_seq)
            elif start is not None or stream in self._new:
                self._subscriptions.join(stream)
            if not stream.channel.is_state:
                self._positions[stream] = self._subscriptions.position(stream)
            if start is not None:
                self._count(start)

    def covered(self, channels: Sequence[Channel], streams: Mapping[Channel, Stream]) -> Message:
        """Return what the answer about these channels says."""
        events = {
            channel: stream for channel, stream in streams.items() if stream in self._positions
        }
        given = {
            channel: self._starts[stream].recovered
            for channel, stream in events.items()
            if stream in self._starts
        }
        return answers.covered(
            channels,
            {channel: stream.venue for channel, stream in streams.items()},
            self._session.id,
            positions={channel: self._positions[stream] for channel, stream in events.items()},
            recovered={channel: whole for channel, whole in given.items() if whole is not None},
        )

    def following(self) -> list[bytes]:
        """Return what is sent right behind the answer: the current states, and a reset where the
        history is gone.
        """
        bodies: list[bytes] = []
        for stream in self._wanted:
            if stream.channel.is_state:
                bodies.extend(self._context.dashboard.latest_states(stream))
            elif (start := self._starts.get(stream)) is not None and start.reset_reason is not None:
                bodies.append(self._reset(stream, start.reset_reason))
        return bodies

    def _check_epoch(self) -> None:
        """A position that could be followed when it was looked at, in a log that got another name
        since, can't.
        """
        for stream, start in self._starts.items():
            position = self._wanted[stream]
            if (
                start.recovered
                and position is not None
                and position.epoch != self._context.relay.epoch
            ):
                self._starts[stream] = replace(
                    start, recovered=False, after_seq=None, reset_reason=NEW_EPOCH
                )

    def _reset(self, stream: Stream, reason: str) -> bytes:
        position = self._positions[stream]
        return encode(
            reset_message(
                stream.channel,
                stream.venue,
                position=position,
                reason=reason,
                timestamp=self._context.clock(),
            )
        )

    def _count(self, start: ReplayStart) -> None:
        if start.recovered is not None:
            self._context.metrics.replays.labels("recovered" if start.recovered else "reset").inc()
