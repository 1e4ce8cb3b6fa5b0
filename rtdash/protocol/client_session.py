"""The client's side of a session as a value: what to say, and what each thing that came means.

No I/O and no clock, so that asyncio, gevent and tests follow the same rules: positions are kept,
duplicates dropped, gaps noticed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rtdash.protocol import client_requests as requests
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
    position_of,
    starts_of,
    up_to_gap,
)


class ClientSession:
    """Subscriptions of one client over all its connections.

    `positions` may name streams as (venue, channel), or as a channel alone where the venue is left
    to the server. Raises ValueError on a channel that doesn't exist.
    """

    def __init__(
        self,
        wanted: Iterable[requests.Wanted],
        *,
        venue: str | None = None,
        positions: Mapping[requests.Wanted, Position] | None = None,
        batch_ms: int | None = None,
    ) -> None:
        self.session_id: str | None = None
        self.positions: dict[Stream, Position] = {}
        """Behind the last event received, by stream; event channels only."""
        self.duplicates = 0
        """Events that came again and were dropped."""
        given = (positions or {}).items()
        self._given = {requests.pair_of(key): Position(*position) for key, position in given}
        self._wanted = dict.fromkeys(
            requests.with_venue(requests.pair_of(one), venue, self._given) for one in wanted
        )
        self._followed: set[Stream] = set()
        self._venue, self._batch_ms = venue, batch_ms
        self._outgoing: list[str] = []
        self._unanswered = 0
        self._is_connected = False
        self._replaying: set[Stream] = set()
        self._connected_at: str | None = None

    @property
    def wanted(self) -> tuple[requests.Pair, ...]:
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
        """Whether what was missed may still be coming in; the wire doesn't mark its end."""
        return bool(self._replaying)

    def connected(self) -> None:
        """Begin a connection: the requests for it are in `outgoing`."""
        self._is_connected = True
        self._outgoing.clear()
        self._replaying.clear()
        self._connected_at, self._unanswered = None, 0
        if self.session_id is not None:
            self._resume(self.session_id)
        self._subscribe([pair for pair in self._wanted if pair not in self._followed])
        # The server's time on this connection separates old events from new ones.
        self._outgoing.append(requests.encode_request(action="ping"))

    def disconnected(self) -> None:
        """End the connection; the session and its positions stay."""
        self._is_connected = False
        self._replaying.clear()

    def outgoing(self) -> list[str]:
        """Return what is to be sent now, in order; each is given once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def authenticate(self, token: str) -> None:
        """Ask to go on with another token of the same user."""
        self._outgoing.append(requests.encode_request(action="authenticate", token=token))

    def end_replay(self) -> None:
        """Treat what was missed as complete: nothing has come for a while."""
        self._replaying.clear()

    def position(self, venue: str | None, channel: Channel) -> Position | None:
        """Return a stream's position: behind the last event received, else the application's."""
        if venue is not None:
            stream = Stream(venue, channel)
            return self.positions.get(stream) or self._given.get(stream)
        return self._given.get((None, channel)) or self._given.get((self._venue, channel))

    def set_position(self, stream: Stream, position: Position | None, *, recovered: bool) -> None:
        """Note that a stream's events begin behind `position`; `recovered`: what was missed is
        among them. None for a state channel.

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
        # The client's own position wins over the server's: if the server begins earlier, the events
        # between are duplicates; if it begins later, they are missing, and the first event shows it.
        if recovered and known is not None and known.epoch == position.epoch:
            position = known
        self.positions[stream] = position

    def receive(self, text: str | bytes) -> list[Received]:
        """Return what a frame means, in order. Raises ValueError when it isn't of the protocol."""
        try:
            body = json.loads(text)
        except RecursionError as error:
            raise ValueError("the server sent what is nested too deeply") from error
        return self.accept(body)

    def accept(self, body: dict[str, Any]) -> list[Received]:
        """Do as `receive` does, for a message that is decoded already."""
        try:
            return self._accept(body)
        except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(
                f"the server sent what is not of this protocol ({type(error).__name__}: {error})"
            ) from error

    def _accept(self, body: dict[str, Any]) -> list[Received]:
        if "status" in body:
            return self._answer(body)
        match body["type"]:
            case "batch":
                return up_to_gap(
                    received for message in body["messages"] for received in self._accept(message)
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
        if self._connected_at is not None and body["timestamp"] >= self._connected_at:
            self._replaying.discard(stream)
        return [Message(body, stream, position)]

    def _reset(self, body: dict[str, Any]) -> Message:
        stream = Stream(body["venue"], body["channel"])
        position = self.positions[stream] = position_of(body["position"])
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
        answered = starts_of(body)
        streams = tuple(stream for stream, _, _ in answered)
        for stream, position, recovered in answered:
            self.set_position(stream, position, recovered=recovered)
        caught_up = frozenset(stream for stream, _, recovered in answered if recovered)
        self._followed.update(streams)
        self._replaying |= caught_up
        starts = {stream: self.positions[stream] for stream in streams if stream in self.positions}
        return Subscribed(streams, starts, caught_up)

    def _refused(self, refusal: Refused) -> list[Received]:
        if refusal.code != ErrorCode.SESSION_UNKNOWN:
            return [refusal]
        # It ran out while we were away. Positions are ours and outlive it.
        self.session_id = None
        self._unanswered -= requests.count_venues(self._followed)
        lost, self._followed = self._followed, set()
        self._subscribe(lost)
        return []

    def _subscribe(self, pairs: Iterable[requests.Pair]) -> None:
        groups = requests.by_venue(pairs)
        for venue, channels in groups.items():
            known = {
                channel: position
                for channel in channels
                if (position := self.position(venue, channel))
            }
            self._outgoing.append(
                requests.subscribe_request(
                    venue or self._venue, channels, known, batch_ms=self._batch_ms
                )
            )
        self._unanswered += len(groups)

    def _resume(self, session_id: str) -> None:
        self._outgoing.append(requests.resume_request(session_id, self.positions))
        self._unanswered += requests.count_venues(self._followed)
