"""The demo's present week as a variation of the week before, so that its trends are those of an
ordinary week at every hour. Pure.

The generators draw days of very unequal strength, as published; with a dozen arrivals a day a trend
of 300 % is then nothing unusual, and looks like a fault to a reader that sees only one screen.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from rtdash.domain.instants import format_instant, parse_instant
from rtdash.simulate.script import TimedOperation

Life = Sequence[TimedOperation]
"""Operations of one reservation, by instant."""

WEEK = timedelta(days=7)
_KEPT = 0.9
_FROM_BEFORE = 0.15
"""Shares of the last week's reservations, and of those of the week before it, that come again."""

_GUEST = ("customerName", "customerEmail", "customerPhone")


def repeat_week(lives: Sequence[Life], today: date, rng: Random) -> list[Life]:
    """Replace the reservations that start within a week from `today` by those of the week before,
    for other guests; some come again from two weeks before, some don't come.
    """
    replaced = [life for life in lives if today <= first_day(life) < today + WEEK]
    guests = _guests(replaced)
    repeated: list[Life] = [life for life in lives if not today <= first_day(life) < today + WEEK]
    for weeks, share in ((1, _KEPT), (2, _FROM_BEFORE)):
        begin = today - weeks * WEEK
        repeated += [
            _shifted(life, weeks, next(guests, {}))
            for life in lives
            if begin <= first_day(life) < begin + WEEK and rng.random() < share
        ]
    return repeated


def first_day(life: Life) -> date:
    """Return the day of arrival as it was booked."""
    booking = life[0].operation
    return date.fromisoformat(booking.get("checkIn") or booking["date"][:10])


def last_day(life: Life) -> date:
    """Return the day of departure as it was booked."""
    booking = life[0].operation
    return date.fromisoformat(booking.get("checkOut") or booking["date"][:10])


def _guests(lives: Sequence[Life]) -> Iterator[dict[str, Any]]:
    for life in lives:
        booking = life[0].operation
        yield {field: booking[field] for field in _GUEST if field in booking}


def _shifted(life: Life, weeks: int, guest: dict[str, Any]) -> Life:
    """Copy a reservation some weeks later: another id, another guest, all dates moved."""
    shift = weeks * WEEK
    identity = f"{life[0].operation['reservationId']}w{weeks}"
    moved = []
    for timed in life:
        operation = dict(timed.operation)
        number = operation["operationId"].rpartition(".")[2]
        operation |= {"reservationId": identity, "operationId": f"{identity}.{number}"}
        for field in ("checkIn", "checkOut"):
            if field in operation:
                operation[field] = (date.fromisoformat(operation[field]) + shift).isoformat()
        if "date" in operation:
            operation["date"] = format_instant(parse_instant(operation["date"]) + shift)
        if operation["op"] == "book":
            operation |= guest
        moved.append(TimedOperation(timed.due + shift, operation))
    return moved
