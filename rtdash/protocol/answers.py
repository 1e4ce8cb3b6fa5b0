"""Answers of the server: encoded bodies, field for field (guide: protocol, "Actions")."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rtdash.domain.instants import format_instant
from rtdash.protocol.actions import ActionRefused, Id
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.messages import Message, encode, positions_json


def covered(
    channels: Sequence[Channel],
    venues: Mapping[Channel, str],
    session: str,
    *,
    positions: Mapping[Channel, Position],
    recovered: Mapping[Channel, bool],
) -> Message:
    """Return the content of an answer about channels: the channels as asked, their venues, and
    where each event channel goes on.
    """
    return {
        "channels": [channel.value for channel in channels],
        "venues": {channel.value: venue for channel, venue in venues.items()},
        "session": session,
        "positions": positions_json(positions.items()),
        "recovered": {channel.value: whole for channel, whole in recovered.items()},
    }


# the field's name on the wire
def subscribed(answer: Message, *, id: Id) -> bytes:  # noqa: A002
    """Encode the answer to `subscribe`; `answer` is what `covered` gives."""
    return _answer("subscribed", answer, id)


# see subscribed
def resumed(venue: str | None, answer: Message, *, id: Id) -> bytes:  # noqa: A002
    """Encode an answer to `resume`, one a venue; `venue` is None where the session has no streams."""
    return _answer("resumed", {"venue": venue, **answer}, id)


# see subscribed
def unsubscribed(channels: Iterable[Channel], *, id: Id) -> bytes:  # noqa: A002
    """Encode the answer to `unsubscribe`."""
    return _answer("unsubscribed", {"channels": [channel.value for channel in channels]}, id)


def authenticated(expires_at: datetime, *, id: Id) -> bytes:  # noqa: A002
    """Encode the answer to `authenticate`."""
    return _answer("authenticated", {"expiresAt": format_instant(expires_at)}, id)


def pong(timestamp: datetime, *, id: Id) -> bytes:  # noqa: A002
    """Encode the answer to `ping`."""
    return _answer("pong", {"timestamp": format_instant(timestamp)}, id)


def error(refused: ActionRefused) -> bytes:
    """Encode the answer to what was refused."""
    body: Message = {
        "status": "error",
        "code": refused.code.value,
        "message": refused.message,
        "action": refused.action,
    }
    if refused.channels:
        body["channels"] = list(refused.channels)
    if refused.id is not None:
        body["id"] = refused.id
    body["temporary"] = refused.code.temporary
    if refused.retry_after_ms is not None:
        body["retryAfterMs"] = refused.retry_after_ms
    return encode(body)


def subscription_ended(stream: Stream, *, action: str) -> bytes:
    """Announce the end of a subscription that the token doesn't allow any more; it does not count
    as an error of the client's.
    """
    message = (
        f"the token no longer allows {stream.channel} of {stream.venue}: this subscription has"
        " ended"
    )
    return error(
        ActionRefused(ErrorCode.FORBIDDEN, message, action=action, channels=(stream.channel,))
    )


def _answer(status: str, fields: Message, id: Id) -> bytes:  # noqa: A002
    return encode({"status": status, **fields} | ({} if id is None else {"id": id}))
