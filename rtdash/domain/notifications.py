"""Messages for the staff beside the change itself: notifications of operations, and when a
reservation is upcoming (guide: protocol, "Messages").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from rtdash.domain.availability import Night, Rooms, nights_held, total_rooms
from rtdash.domain.reservations import EXPECTED, Op, Operation, Reservation, Status, local_time_text
from rtdash.domain.venues import Venue, business_date

DATES_SHOWN = 7
"""Dates named in one text."""

SOLD_OUT_AHEAD = timedelta(days=7)
"""The last room of a type is news for tonight and the six nights after it."""


class Level(StrEnum):
    """How urgent a notification is; the wire's words."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notification:
    """A message for staff; `reservation_id` is the reservation that brought it about."""

    level: Level
    title: str
    body: str
    reservation_id: str | None = None


def notifications(
    before: Reservation | None,
    after: Reservation,
    operation: Operation,
    *,
    venue: Venue,
    now: datetime,
    rooms: Rooms,
) -> list[Notification]:
    """Return what staff should hear of an applied operation: nothing when it is of the past (`at`,
    or a reservation of an earlier date that another system mirrors).

    Call it right after `decide`, while `rooms` stands as this operation left it.
    """
    if operation.at is not None:
        return []
    taken = _taken(before, after) if after.room_type is not None else ()
    is_ended = before is not None and after.status is not before.status
    if not taken and not is_ended and operation.op is not Op.PUT:
        return [*_large_party(before, after, venue)]  # nearly every operation: no date is needed
    today = business_date(venue, now)
    if operation.op is Op.PUT and _last_date(after) < today:
        return []
    return [
        *_absences(before, after, venue, today),
        *_large_party(before, after, venue),
        *_sold_out(taken, after, venue, today, rooms),
        *_overbooked(taken, after, venue, today, rooms),
    ]


def is_upcoming(
    venue: Venue, start: datetime, now: datetime, *, status: Status = Status.CONFIRMED
) -> bool:
    """Whether a start lies ahead within the venue's lead, for a reservation with guests yet to
    come.
    """
    return status in EXPECTED and now < start <= now + timedelta(
        minutes=venue.upcoming_lead_minutes
    )


def _last_date(reservation: Reservation) -> date:
    return reservation.check_out or reservation.business_date


def _absences(
    before: Reservation | None, after: Reservation, venue: Venue, today: date
) -> Iterator[Notification]:
    if before is None or before.status is after.status:
        return
    if after.status is Status.NO_SHOW:
        yield Notification(
            Level.WARNING, "No-show", f"{_party(after, venue)}: did not come", after.id
        )
    if after.status is Status.CANCELLED and after.business_date == today:
        yield Notification(
            Level.WARNING,
            "Cancelled on the day",
            f"{_party(after, venue)}: cancelled for today",
            after.id,
        )


def _party(reservation: Reservation, venue: Venue) -> str:
    return (
        f"{reservation.customer_name}, party of {reservation.guests},"
        f" {local_time_text(reservation.start, venue.zone)}"
    )


def _large_party(
    before: Reservation | None, after: Reservation, venue: Venue
) -> Iterator[Notification]:
    was_large = before is not None and before.guests >= venue.large_party
    if after.guests >= venue.large_party and not was_large:
        day, clock = (
            after.start.astimezone(venue.zone).date(),
            local_time_text(after.start, venue.zone),
        )
        yield Notification(
            Level.INFO,
            "Large party",
            f"{after.customer_name}, party of {after.guests}, {day} {clock}",
            after.id,
        )


def _sold_out(
    taken: Sequence[Night], after: Reservation, venue: Venue, today: date, rooms: Rooms
) -> Iterator[Notification]:
    full = [
        night.date
        for night in taken
        if today <= night.date < today + SOLD_OUT_AHEAD
        and rooms.sold(*night) == total_rooms(venue, night.room_type)
    ]
    if full:
        name = _type_name(after, venue)
        yield Notification(
            Level.WARNING,
            f"Last {name} sold",
            f"No {name} is left for {_dates(full, today)}",
            after.id,
        )


def _overbooked(
    taken: Sequence[Night], after: Reservation, venue: Venue, today: date, rooms: Rooms
) -> Iterator[Notification]:
    """Yield the notification of overbooked nights: only a mirror can bring them about. None where
    overbooking is allowed.
    """
    beyond = [
        night.date
        for night in taken
        if today <= night.date and rooms.sold(*night) > total_rooms(venue, night.room_type)
    ]
    if beyond and not venue.allow_overbooking:
        name = _type_name(after, venue)
        yield Notification(
            Level.CRITICAL,
            f"{name} overbooked",
            f"More {name} rooms are sold than there are for {_dates(beyond, today)}",
            after.id,
        )


def _taken(before: Reservation | None, after: Reservation) -> list[Night]:
    return sorted(nights_held(after) - nights_held(before), key=lambda night: night.date)


def _type_name(reservation: Reservation, venue: Venue) -> str | None:
    room_type = venue.room_type(reservation.room_type or "")
    return room_type.name if room_type else reservation.room_type


def _dates(days: Sequence[date], today: date) -> str:
    if list(days) == [today]:
        return "tonight"
    beyond = len(days) - DATES_SHOWN
    return ", ".join(map(str, days[:DATES_SHOWN])) + (f" and {beyond} more" if beyond > 0 else "")
