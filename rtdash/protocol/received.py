"""Values that a client can receive; made by `client_session` from the messages of the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from rtdash.protocol.channels import Channel, Position, Stream


@dataclass(slots=True)  # made for each message, and a frozen one takes three times as long
class Message:
    """A message for the application, as it came. `position` is the stream's position behind it;
    None for state messages.
    """

    body: dict[str, Any]
    stream: Stream
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Streams are followed from now on, events from `starts` on; `recovered` are those of which
    what was missed follows first.
    """

    streams: tuple[Stream, ...]
    starts: Mapping[Stream, Position]
    recovered: frozenset[Stream]


@dataclass(frozen=True, slots=True)
class Answer:
    """Any other answer that isn't an error: unsubscribed, authenticated, pong."""

    status: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """An error message. `code` is one of `codes.ErrorCode`, or one that is younger than this
    client.
    """

    code: str
    text: str
    action: str | None
    channels: tuple[str, ...]
    is_temporary: bool
    retry_after_s: float

    @classmethod
    def from_wire(cls, body: dict[str, Any]) -> Self:
        """Return the error of an answer with `"status":"error"`."""
        return cls(
            code=str(body["code"]),
            text=str(body.get("message", "")),
            action=body.get("action"),
            channels=tuple(body.get("channels", ())),
            is_temporary=bool(body.get("temporary", False)),
            retry_after_s=body.get("retryAfterMs", 0) / 1000,
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """Events between `position` and `seq` are missing: connect again with the position, and the
    server sends them.
    """

    stream: Stream
    position: Position
    seq: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The server is about to close; come back, if at all, after `retry_after_s` and a random share
    of `jitter_s`.
    """

    code: int
    reason: str
    may_return: bool
    retry_after_s: float
    jitter_s: float

    @classmethod
    def from_wire(cls, body: dict[str, Any]) -> Self:
        """Return the farewell of a `disconnect` message."""
        return cls(
            code=int(body["code"]),
            reason=str(body.get("reason", "")),
            may_return=bool(body.get("reconnect", True)),
            retry_after_s=(body.get("retryAfterMs") or 0) / 1000,
            jitter_s=(body.get("jitterMs") or 0) / 1000,
        )


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """The token ends soon: `authenticate` with another one, or the connection ends with it."""

    expires_at: str


Received = Message | Subscribed | Answer | Refused | Gap | Disconnect | TokenExpiring


def up_to_gap(coming: Iterable[Received]) -> list[Received]:
    """Return the messages up to a gap, with which a connection ends: nothing behind it is looked
    at, since that would count as received.
    """
    taken: list[Received] = []
    for received in coming:
        taken.append(received)
        if isinstance(received, Gap):
            break
    return taken


def position_of(body: Mapping[str, Any]) -> Position:
    """Return a position of the wire."""
    return Position(body["epoch"], body["seq"])


def starts_of(body: Mapping[str, Any]) -> list[tuple[Stream, Position | None, bool]]:
    """Return the streams of a `subscribed` or `resumed` answer: each with the position behind which
    its events begin (None for a state channel), and whether what was missed is among them.
    """
    channels = [Channel(name) for name in body["channels"]]
    venues = body["venues"] if "venues" in body else dict.fromkeys(channels, body["venue"])
    positions, recovered = body.get("positions", {}), body.get("recovered", {})
    return [
        (
            Stream(venues[channel], channel),
            position_of(positions[channel]) if positions.get(channel) else None,
            recovered.get(channel, False),
        )
        for channel in channels
    ]
