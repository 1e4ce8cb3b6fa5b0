"""Shapes of the messages: the fields of the protocol (guide: protocol) and what may stand in them.
More fields are allowed, fewer are not.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Shape = Mapping[str, "Check | Shape"]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_CLOCK = re.compile(r"(1[0-2]|[1-9]):[0-5]\d (AM|PM)")
_STATUSES = frozenset(
    {
        "Pending",
        "Confirmed",
        "CheckedIn",
        "CheckedOut",
        "Seated",
        "Completed",
        "Cancelled",
        "NoShow",
        "Upcoming",
    }
)
_LEVELS = frozenset({"info", "warning", "critical"})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_natural(value: Any) -> bool:
    return _is_whole(value) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_trend(value: Any) -> bool:
    return value is None or _is_whole(value)


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


def _is_clock(value: Any) -> bool:
    return isinstance(value, str) and _CLOCK.fullmatch(value) is not None


_TIMED: Shape = {"timestamp": _is_instant}
_STREAMED: Shape = {**_TIMED, "channel": _is_text, "venue": _is_text}
_EVENT: Shape = {**_STREAMED, "seq": _is_natural}
_RESERVATION: Shape = {
    "id": _is_text,
    "customerName": _is_text,
    "customerInitials": _is_text,
    "date": _is_instant,
    "time": _is_clock,
    "guests": _is_natural,
    "status": _STATUSES.__contains__,
}
_STATS: Shape = {
    "reservationsToday": _is_natural,
    "prepaidReservations": _is_natural,
    "expectedGuests": _is_natural,
    "pendingPayments": _is_number,
    "pendingPaymentsTrend": _is_trend,
    "reservationsTrend": _is_trend,
    "prepaidTrend": _is_trend,
    "guestsTrend": _is_trend,
}
_AVAILABILITY: Shape = {
    "totalRooms": _is_natural,
    "availableRooms": _is_whole,
    "occupancyRate": _is_natural,
}
_POSITION: Shape = {"epoch": _is_text, "seq": _is_natural}

SHAPES: Mapping[str, Shape] = {
    "stats_update": {**_STREAMED, "stats": _STATS},
    "room_availability_update": {**_STREAMED, "availability": _AVAILABILITY},
    "new_reservation": {**_EVENT, "reservation": _RESERVATION},
    "reservation_update": {**_EVENT, "reservation": _RESERVATION, "change": _is_text},
    "upcoming_reservation": {**_EVENT, "reservation": _RESERVATION},
    "notification": {**_EVENT, "level": _LEVELS.__contains__, "title": _is_text, "body": _is_text},
    "reset": {**_STREAMED, "position": _POSITION, "reason": _is_text},
    "token_expiring": {**_TIMED, "expiresAt": _is_instant},
    "disconnect": {**_TIMED, "code": _is_natural, "reason": _is_text},
    "batch": _TIMED,
}
"""By `type`; answers, which have a `status` instead, are judged by the session that asked."""


def find_flaw(message: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a message, such as `stats.expectedGuests: …`; None when
    nothing is.
    """
    if "status" in message and "type" not in message:
        return None
    kind = message.get("type")
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    return f"type is {kind!r}" if shape is None else _flaw_in(message, shape, "")


def _flaw_in(value: Any, shape: Shape, path: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{path.rstrip('.') or 'the message'} is no object"
    for name, check in shape.items():
        if name not in value:
            return f"{path}{name} is missing"
        if isinstance(check, Mapping):
            if flaw := _flaw_in(value[name], check, f"{path}{name}."):
                return flaw
        elif not _holds(check, value[name]):
            return f"{path}{name} is {str(value[name])[:40]!r}"
    return None


def _holds(check: Check, value: Any) -> bool:
    try:
        return check(value)
    except TypeError:  # what can't be hashed is in no set
        return False
