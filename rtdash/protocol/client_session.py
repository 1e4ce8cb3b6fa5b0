"""The client's side of a session as a value: what to say, and what each thing that came means.

No I/O and no clock, so that asyncio, gevent and tests follow the same rules: positions are kept,
duplicates dropped, gaps noticed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.received import (
    Answer,
    Disconnect,
    Gap,
    Message,
    Received,
    Refused,
    Subscribed,
    TokenExpiring,
    up_to_gap,
)

Wanted = str | tuple[str, str]
"""Request of a client: a channel (of the default venue of its kind), or a channel of one venue, as
(venue, channel).
"""


class ClientSession:
    """The subscriptions of one client over all its connections.

    `positions` may name streams as (venue, channel), or as a channel alone where the venue is left
    to the server.
    Raises ValueError on a channel that doesn't exist.
    """

    def __init__(
        self,
        wanted: Iterable[Wanted],
        *,
        venue: str | None = None,
        positions: Mapping[Wanted, Position] | None = None,
        batch_ms: int | None = None,
    ) -> None:
        self.session_id: str | None = None
        self.positions: dict[Stream, Position] = {}
        """Behind the last event received, by stream; event channels only."""
        self.duplicates = 0
        """Events that came again and were dropped."""
        self._given = {
            _as_pair(key): Position(*position) for key, position in (positions or {}).items()
        }
        self._wanted = dict.fromkeys(self._with_venue(*_as_pair(one), venue) for one in wanted)
        self._followed: set[Stream] = set()
        self._venue = venue
        self._batch_ms = batch_ms
        self._outgoing: list[str] = []
        self._unanswered = 0
        self._is_connected = False
        self._replaying: set[Stream] = set()
        self._connected_at: str | None = None

    @property
    def wanted(self) -> tuple[tuple[str | None, Channel], ...]:
        """Every (venue, channel) asked for; the venue is None until the server has named it."""
        return tuple(self._wanted)

    @property
    def followed(self) -> frozenset[Stream]:
        """The streams that the server has confirmed for this session."""
        return frozenset(self._followed)

    @property
    def is_subscribed(self) -> bool:
        """Whether a connection stands and has answered all that was asked for."""
        return self._is_connected and not self._unanswered

    @property
    def is_replaying(self) -> bool:
        """Whether what was missed may still be coming in. The wire doesn't mark its end: see
        `end_replay`.
        """
        return bool(self._replaying)

    def connected(self) -> None:
        """A new connection stands: the requests for it are in `outgoing`."""
        self._is_connected = True
        self._outgoing.clear()
        self._replaying.clear()
        self._connected_at = None
        self._unanswered = 0
        if self.session_id is not None:
            self._resume(self.session_id)
        self._subscribe([pair for pair in self._wanted if pair not in self._followed])
        # The server's time on this connection separates old events from new ones.
        self._send(action="ping")

    def disconnected(self) -> None:
        """The connection has ended; the session and its positions stay."""
        self._is_connected = False
        self._replaying.clear()

    def outgoing(self) -> list[str]:
        """Return what is to be sent now, in order; each is given once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def authenticate(self, token: str) -> None:
        """Ask to go on with another token of the same user."""
        self._send(action="authenticate", token=token)

    def end_replay(self) -> None:
        """Note that nothing has come for a while: what was missed has come, as far as a client can
        know.
        """
        self._replaying.clear()

    def position(self, venue: str | None, channel: Channel) -> Position | None:
        """Where a stream stands: behind the last event received, else where the application said
        that it stood.
        """
        if venue is not None:
            stream = Stream(venue, channel)
            return self.positions.get(stream) or self._given.get(stream)
        return self._given.get((None, channel)) or self._given.get((self._venue, channel))

    def set_position(self, stream: Stream, position: Position | None, *, recovered: bool) -> None:
        """A stream's events begin behind `position`; `recovered`: what was missed is among them.
        None for a state channel.

        Names the stream's venue, too, where the application had left it to the server.
        """
        if stream not in self._wanted:
            self._wanted = dict.fromkeys(
                stream if pair == (None, stream.channel) else pair for pair in self._wanted
            )
        given = self._given.pop((None, stream.channel), None)
        known = self.positions.get(stream) or self._given.get(stream) or given
        if position is None:
            return
        # What we hold wins over what the server believes: if it begins earlier, the events between
        # are duplicates and dropped as such;
        # if it begins later, they are missing, and the first event will show it.
        if recovered and known is not None and known.epoch == position.epoch:
            position = known
        self.positions[stream] = position

    def receive(self, text: str | bytes) -> list[Received]:
        """Return what a frame means, in order. Raises ValueError when it isn't one of the
        protocol's.
        """
        try:
            return self.accept(json.loads(text))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"the server sent what is not of this protocol ({type(error).__name__}: {error})"
            ) from error

    def accept(self, body: dict[str, Any]) -> list[Received]:
        """As `receive`, for a message that is decoded already: from a batch, or fetched over
        REST.
        """
        if "status" in body:
            return self._answer(body)
        match body["type"]:
            case "batch":
                return up_to_gap(
                    received for message in body["messages"] for received in self.accept(message)
                )
            case "disconnect":
                return [Disconnect.from_wire(body)]
            case "token_expiring":
                return [TokenExpiring(body["expiresAt"])]
            case "reset":
                return [self._reset(body)]
            case _:
                return self._message(body)

    def _message(self, body: dict[str, Any]) -> list[Received]:
        if "channel" not in body:
            return []  # a kind of message that is younger than this client
        stream = Stream(body["venue"], body["channel"])
        seq = body.get("seq")
        if seq is None:
            return [Message(body, stream)]
        before = self.positions[stream]
        if seq <= before.seq:
            self.duplicates += 1
            return []
        if seq > before.seq + 1:
            return [Gap(stream, before, seq)]
        position = self.positions[stream] = Position(before.epoch, seq)
        # RFC 3339 in UTC with milliseconds sorts as text: an event younger than this connection
        # ends its stream's replay.
        if (
            self._replaying
            and self._connected_at is not None
            and body["timestamp"] >= self._connected_at
        ):
            self._replaying.discard(stream)
        return [Message(body, stream, position)]

    def _reset(self, body: dict[str, Any]) -> Message:
        stream = Stream(body["venue"], body["channel"])
        position = self.positions[stream] = Position(
            body["position"]["epoch"], body["position"]["seq"]
        )
        self._replaying.discard(stream)
        return Message(body, stream, position)

    def _answer(self, body: dict[str, Any]) -> list[Received]:
        match body["status"]:
            case "subscribed" | "resumed":
                return [self._subscribed(body)]
            case "error":
                return self._refused(Refused.from_wire(body))
            case "pong":
                self._connected_at = body["timestamp"]
        return [Answer(body["status"], body)]

    def _subscribed(self, body: dict[str, Any]) -> Subscribed:
        self.session_id = body.get("session", self.session_id)
        self._unanswered = max(0, self._unanswered - 1)
        venues = (
            body["venues"] if "venues" in body else dict.fromkeys(body["channels"], body["venue"])
        )
        positions, recovered = body.get("positions", {}), body.get("recovered", {})
        streams = tuple(Stream(venues[channel], Channel(channel)) for channel in body["channels"])
        for stream in streams:
            told = positions.get(stream.channel)
            position = Position(told["epoch"], told["seq"]) if told else None
            self.set_position(stream, position, recovered=recovered.get(stream.channel, False))
        caught_up = frozenset(stream for stream in streams if recovered.get(stream.channel))
        self._followed.update(streams)
        self._replaying |= caught_up
        starts = {stream: self.positions[stream] for stream in streams if stream in self.positions}
        return Subscribed(streams, starts, caught_up)

    def _refused(self, refusal: Refused) -> list[Received]:
        if refusal.code != ErrorCode.SESSION_UNKNOWN:
            return [refusal]
        # It ran out while we were away. Positions are ours and outlive it.
        self.session_id = None
        self._unanswered -= len(_venues(self._followed))
        lost, self._followed = self._followed, set()
        self._subscribe(lost)
        return []

    def _subscribe(self, pairs: Iterable[tuple[str | None, Channel]]) -> None:
        groups: dict[str | None, list[Channel]] = {}
        for venue, channel in pairs:
            groups.setdefault(venue, []).append(channel)
        for venue, channels in groups.items():
            known = {
                channel: position
                for channel in channels
                if (position := self.position(venue, channel))
            }
            self._send(
                action="subscribe",
                channels=channels,
                venue=venue or self._venue,
                positions=_to_wire(known) or None,
                batch=self._batch_ms,
            )
        self._unanswered += len(groups)

    def _resume(self, session_id: str) -> None:
        positions: dict[str, dict[Channel, Position]] = {}
        for stream, position in self.positions.items():
            positions.setdefault(stream.venue, {})[stream.channel] = position
        self._send(
            action="resume",
            session=session_id,
            positions={venue: _to_wire(known) for venue, known in positions.items()} or None,
        )
        self._unanswered += len(_venues(self._followed))

    def _with_venue(
        self, venue: str | None, channel: Channel, default: str | None
    ) -> tuple[str | None, Channel]:
        """A plain channel means the venue of the position that was given for it; else the server
        chooses by `default`.
        """
        given = {at for at, of in self._given if of == channel}
        if venue is None and default is None and len(given) == 1:
            return given.pop(), channel
        return venue, channel

    def _send(self, **fields: Any) -> None:
        self._outgoing.append(
            json.dumps(
                {name: value for name, value in fields.items() if value is not None},
                separators=(",", ":"),
            )
        )


def _as_pair(wanted: Wanted) -> tuple[str | None, Channel]:
    venue, channel = (None, wanted) if isinstance(wanted, str) else wanted
    return venue, Channel(channel)


def _venues(streams: Iterable[Stream]) -> set[str]:
    return {stream.venue for stream in streams}


def _to_wire(positions: Mapping[Channel, Position]) -> dict[str, dict[str, Any]]:
    return {channel: position._asdict() for channel, position in positions.items()}
