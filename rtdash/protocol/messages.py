"""The server's messages as dicts in the order of the requirements' fields, and their encoding.
Times and numbers are given, never made here.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from json import JSONDecoder, JSONEncoder
from typing import Any, NoReturn

from pydantic_core import to_json

from rtdash.domain.instants import format_instant
from rtdash.domain.reservations import Op
from rtdash.protocol.channels import Channel, Position

Message = dict[str, Any]
"""One JSON object as it travels."""

UPCOMING = "Upcoming"
"""The status that only an `upcoming_reservation` shows (guide: rest, "What the figures mean")."""

_encode_strictly = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode(message: Mapping[str, Any]) -> bytes:
    """Return compact JSON in UTF-8. Raises ValueError for what JSON can't say (NaN, lone
    surrogates).
    """
    text = to_json(
        message
    )  # a quarter of what the standard library takes; but it writes the numbers that JSON hasn't
    return _encode_strictly(message).encode() if b"NaN" in text or b"Infinity" in text else text


def decode(text: str | bytes) -> Message:
    """Return the JSON object in a text frame. Raises ValueError: not UTF-8, not JSON (RFC 8259),
    not an object, nested too deep.
    """
    try:
        message = _decode(text if isinstance(text, str) else text.decode())
    except RecursionError as fault:
        raise ValueError("nested too deep") from fault
    if not isinstance(message, dict):
        # one error for all that a peer can send wrong
        raise ValueError("not a JSON object")  # noqa: TRY004
    return message


def reservation_message(
    channel: Channel,
    venue: str,
    reservation: Message,
    *,
    change: Op | None,
    operation_id: str,
    at: datetime | None = None,
) -> Message:
    """Build a `new_reservation` (`change` None) or `reservation_update`, still to be stamped.

    `reservation` is what `reservation_json` gives; `at` the past instant that the operation gave,
    if it gave one.
    """
    if change is None:
        return _event(
            "new_reservation",
            {"reservation": reservation},
            channel,
            venue,
            operation_id=operation_id,
            at=at,
        )
    payload = {"reservation": reservation, "change": change.value}
    return _event("reservation_update", payload, channel, venue, operation_id=operation_id, at=at)


def upcoming_message(
    channel: Channel, venue: str, reservation: Message, *, operation_id: str | None = None
) -> Message:
    """Build an `upcoming_reservation`, still to be stamped; `operation_id` is None when time
    brought it about and no operation.
    """
    return _event(
        "upcoming_reservation",
        {"reservation": {**reservation, "status": UPCOMING}},
        channel,
        venue,
        operation_id=operation_id,
    )


def notification_message(
    channel: Channel,
    venue: str,
    *,
    level: str,
    title: str,
    body: str,
    reservation_id: str | None,
    operation_id: str | None,
) -> Message:
    """Build a `notification`, still to be stamped; `level` is info, warning or critical."""
    payload: Message = {"level": level, "title": title, "body": body}
    if reservation_id is not None:
        payload["reservationId"] = reservation_id
    return _event("notification", payload, channel, venue, operation_id=operation_id)


def stamp(message: Message, *, seq: int, timestamp: str) -> Message:
    """Return an event message with its number and the instant of its appending (`format_instant`),
    its fields in the same order.
    """
    return {**message, "timestamp": timestamp, "seq": seq}


def stats_message(
    channel: Channel,
    venue: str,
    stats: Message,
    *,
    currency: str,
    business_date: date,
    timestamp: datetime,
) -> Message:
    """Build a `stats_update`: the eight figures of a business date as of `timestamp`."""
    return {
        "type": "stats_update",
        "timestamp": format_instant(timestamp),
        "stats": stats,
        "channel": channel.value,
        "venue": venue,
        "currency": currency,
        "businessDate": business_date.isoformat(),
    }


def availability_message(
    channel: Channel,
    venue: str,
    *,
    total_rooms: int,
    available_rooms: int,
    occupancy_rate: int,
    business_date: date,
    timestamp: datetime,
) -> Message:
    """Build a `room_availability_update`: tonight's rooms; `occupancy_rate` in whole percent."""
    return {
        "type": "room_availability_update",
        "timestamp": format_instant(timestamp),
        "availability": {
            "totalRooms": total_rooms,
            "availableRooms": available_rooms,
            "occupancyRate": occupancy_rate,
        },
        "channel": channel.value,
        "venue": venue,
        "businessDate": business_date.isoformat(),
    }


def reset_message(
    channel: Channel, venue: str, *, position: Position, reason: str, timestamp: datetime
) -> Message:
    """Build a `reset`: the history before `position` is gone; reload by REST and go on from it."""
    return {
        "type": "reset",
        "timestamp": format_instant(timestamp),
        "channel": channel.value,
        "venue": venue,
        "position": position_json(position),
        "reason": reason,
    }


def token_expiring_message(*, expires_at: datetime, timestamp: datetime) -> Message:
    """Build a `token_expiring`: authenticate anew before `expires_at`."""
    return {
        "type": "token_expiring",
        "timestamp": format_instant(timestamp),
        "expiresAt": format_instant(expires_at),
    }


def disconnect_message(
    *,
    code: int,
    reason: str,
    reconnect: bool,
    retry_after_ms: int,
    jitter_ms: int,
    timestamp: datetime,
) -> Message:
    """Build a `disconnect`: the close that follows, and when to come back: after `retry_after_ms`
    plus up to `jitter_ms` at random.
    """
    return {
        "type": "disconnect",
        "timestamp": format_instant(timestamp),
        "code": int(code),
        "reason": reason,
        "reconnect": reconnect,
        "retryAfterMs": retry_after_ms,
        "jitterMs": jitter_ms,
    }


def position_json(position: Position) -> Message:
    """Return `{"epoch": …, "seq": …}`."""
    return {"epoch": position.epoch, "seq": position.seq}


def positions_json(positions: Iterable[tuple[Channel, Position]]) -> Message:
    """Return positions by channel, as answers and lists carry them."""
    return {channel.value: position_json(position) for channel, position in positions}


def _event(
    kind: str,
    payload: Message,
    channel: Channel,
    venue: str,
    *,
    operation_id: str | None,
    at: datetime | None = None,
) -> Message:
    """Return an event in the order of its fields; `timestamp` and `seq` hold their places until
    `stamp`.
    """
    message: Message = {
        "type": kind,
        "timestamp": "",
        **payload,
        "channel": channel.value,
        "venue": venue,
        "seq": 0,
        "operationId": operation_id,
    }
    if at is not None:
        message["at"] = format_instant(at)
    return message


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = JSONDecoder(
    parse_constant=_refuse_constant
).decode  # made once: `loads` would make it for each message
