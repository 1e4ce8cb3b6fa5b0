"""What staff is told beside the change itself: notifications of operations, and when a reservation
is upcoming (CONTRACT section 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rtdash.domain.availability import Night, Rooms, nights_held
from rtdash.domain.reservations import EXPECTED, Op, Operation, Reservation, Status, local_time_text
from rtdash.domain.venues import Venue, business_date

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
    """What an applied operation is worth telling: none when it tells of the past (`at`).

    To be asked right after `decide`, while `rooms` stands as this operation left it.
    """
    if operation.at is not None:
        return []
    return [
        *_absences(after, operation.op, venue, now),
        *_large_party(before, after, venue),
        *_sold_out(before, after, venue, now, rooms),
    ]


def is_upcoming(
    venue: Venue, start: datetime, now: datetime, *, status: Status = Status.CONFIRMED
) -> bool:
    """Whether a start lies ahead within the venue's lead, for a reservation whose guests have yet
    to come.
    """
    return status in EXPECTED and now < start <= now + timedelta(
        minutes=venue.upcoming_lead_minutes
    )


def _absences(after: Reservation, op: Op, venue: Venue, now: datetime) -> Iterator[Notification]:
    if op is Op.NO_SHOW:
        yield Notification(
            Level.WARNING, "No-show", f"{_who(after, venue)}: did not come", after.id
        )
    if op is Op.CANCEL and after.business_date == business_date(venue, now):
        yield Notification(
            Level.WARNING,
            "Cancelled on the day",
            f"{_who(after, venue)}: cancelled for today",
            after.id,
        )


def _who(reservation: Reservation, venue: Venue) -> str:
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
    before: Reservation | None, after: Reservation, venue: Venue, now: datetime, rooms: Rooms
) -> Iterator[Notification]:
    taken = nights_held(after) - nights_held(before)
    if not taken:
        return
    today = business_date(venue, now)
    full = sorted(
        night.date
        for night in taken
        if today <= night.date < today + SOLD_OUT_AHEAD and _is_last(night, venue, rooms)
    )
    if not full:
        return
    room_type = venue.room_type(after.room_type or "")
    name = room_type.name if room_type else after.room_type
    when = "tonight" if full == [today] else ", ".join(map(str, full))
    yield Notification(
        Level.WARNING, f"Last {name} sold", f"No {name} is left for {when}", after.id
    )


def _is_last(night: Night, venue: Venue, rooms: Rooms) -> bool:
    room_type = venue.room_type(night.room_type)
    return room_type is not None and rooms.sold(*night) == room_type.total_rooms
