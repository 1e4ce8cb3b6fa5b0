"""The server's messages as dicts in the order of the requirements' fields, and their encoding.
Times and numbers are given, never made here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from json import JSONDecoder, JSONEncoder
from typing import Any, NoReturn

from pydantic_core import to_json

from rtdash.domain.customers import customer_initials
from rtdash.domain.instants import format_instant
from rtdash.domain.money import to_major
from rtdash.domain.reservations import Op, Reservation, local_time_text
from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.channels import Channel, Position

Message = dict[str, Any]
"""One JSON object as it travels."""

UPCOMING = "Upcoming"
"""The status that only an `upcoming_reservation` shows (CONTRACT section 5)."""

_encode_strictly = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode(message: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for what JSON can't say (NaN, lone surrogates)."""
    text = to_json(
        message
    )  # a quarter of what the standard library takes; but it writes the numbers that JSON hasn't
    return _encode_strictly(message).encode() if b"NaN" in text or b"Infinity" in text else text


def decode(text: str | bytes) -> Message:
    """The JSON object in a text frame. Raises ValueError: not UTF-8, not JSON (RFC 8259), not an
    object, nested too deep.
    """
    try:
        message = _decode(text if isinstance(text, str) else text.decode())
    except RecursionError as fault:
        raise ValueError("nested too deep") from fault
    if not isinstance(message, dict):
        # one error for all that a peer can send wrong
        raise ValueError("not a JSON object")  # noqa: TRY004
    return message


def reservation_json(reservation: Reservation, venue: Venue) -> Message:
    """A reservation as REST and the socket show it: the requirements' seven fields, then ours.
    Money in major units.
    """
    currency = venue.currency
    shown: Message = {
        "id": reservation.id,
        "customerName": reservation.customer_name,
        "customerInitials": customer_initials(reservation.customer_name),
        "date": format_instant(reservation.start),
        "time": local_time_text(reservation.start, venue.zone),
        "guests": reservation.guests,
        "status": reservation.status.value,
        "venue": reservation.venue_id,
        "kind": reservation.kind.value,
        "source": reservation.source,
        "currency": currency,
        "amount": to_major(reservation.amount_minor, currency),
        "paid": to_major(reservation.paid_minor, currency),
        "balance": to_major(reservation.balance_minor, currency),
        "prepaid": reservation.prepaid,
        "createdAt": format_instant(reservation.created_at),
        "version": reservation.version,
    }
    shown.update(
        _hotel_fields(reservation)
        if reservation.kind is VenueKind.HOTEL
        else _restaurant_fields(reservation)
    )
    return shown


def reservation_message(
    channel: Channel,
    venue: str,
    reservation: Message,
    *,
    change: Op | None,
    operation_id: str,
    at: datetime | None = None,
) -> Message:
    """`new_reservation` (`change` None) or `reservation_update`, as an event that is still to be
    stamped.

    `reservation` is what `reservation_json` gives; `at` the past instant that the operation told,
    if it told one.
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
    """`upcoming_reservation`, still to be stamped; `operation_id` is None when time brought it
    about and no operation.
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
    """`notification`, still to be stamped; `level` is info, warning or critical."""
    payload: Message = {"level": level, "title": title, "body": body}
    if reservation_id is not None:
        payload["reservationId"] = reservation_id
    return _event("notification", payload, channel, venue, operation_id=operation_id)


def stamp(message: Message, *, seq: int, timestamp: datetime) -> Message:
    """An event message with its number and the instant of its appending, its fields in the same
    order.
    """
    return {**message, "timestamp": format_instant(timestamp), "seq": seq}


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
    """`room_availability_update`: tonight's rooms; `occupancy_rate` in whole percent."""
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
    """`reset`: the history before `position` is gone; reload by REST and go on from there."""
    return {
        "type": "reset",
        "timestamp": format_instant(timestamp),
        "channel": channel.value,
        "venue": venue,
        "position": position_json(position),
        "reason": reason,
    }


def token_expiring_message(*, expires_at: datetime, timestamp: datetime) -> Message:
    """`token_expiring`: authenticate anew before `expires_at`."""
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
    """`disconnect`: the close that follows, and when to come back: after `retry_after_ms` plus up
    to `jitter_ms` at random.
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


def batch_message(messages: Sequence[Message], *, timestamp: datetime) -> Message:
    """`batch`: what came within the window that the connection asked for. `frames.batch_bodies`
    makes the same of encoded messages.
    """
    return {"type": "batch", "timestamp": format_instant(timestamp), "messages": list(messages)}


def position_json(position: Position) -> Message:
    """`{"epoch": …, "seq": …}`."""
    return {"epoch": position.epoch, "seq": position.seq}


def positions_json(positions: Iterable[tuple[Channel, Position]]) -> Message:
    """Positions by channel, as answers and lists carry them."""
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
    """An event in the order of its fields; `timestamp` and `seq` hold their places until
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


def _hotel_fields(reservation: Reservation) -> Message:
    assert reservation.check_in is not None, "a hotel's reservation has its nights"
    assert reservation.check_out is not None, "a hotel's reservation has its nights"
    return {
        "roomType": reservation.room_type,
        "checkIn": reservation.check_in.isoformat(),
        "checkOut": reservation.check_out.isoformat(),
        "nights": (reservation.check_out - reservation.check_in) // timedelta(days=1),
    }


def _restaurant_fields(reservation: Reservation) -> Message:
    return {"durationMinutes": reservation.duration_minutes}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = JSONDecoder(
    parse_constant=_refuse_constant
).decode  # made once: `loads` would make it for each message
