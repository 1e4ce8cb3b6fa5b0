"""Refusals about rooms and nights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rtdash.domain.refusals import Refusal


@dataclass(eq=False)
class NoAvailability(Refusal):
    """No room of the type is left on `night`, and the venue doesn't overbook."""

    code = "no_availability"
    room_type: str
    night: date
    total_rooms: int

    def __str__(self) -> str:
        return (
            f"all {self.total_rooms} rooms of type {self.room_type!r} are sold for the night of"
            f" {self.night}: choose other dates or another room type (GET"
            " /api/hotel/rooms/availability shows what is free)"
        )


@dataclass(eq=False)
class OverCapacity(Refusal):
    """More guests than the room type holds, and the venue doesn't allow it."""

    code = "over_capacity"
    guests: int
    room_type: str
    capacity: int

    def __str__(self) -> str:
        return (
            f"a room of type {self.room_type!r} holds {self.capacity} guests, not {self.guests}:"
            " choose a larger type, or book several rooms"
        )


@dataclass(eq=False)
class UnknownRoomType(Refusal):
    """The hotel has no such room type."""

    code = "unknown_room_type"
    room_type: str | None
    known: Sequence[str]

    def __str__(self) -> str:
        return (
            f"the hotel has no room type {self.room_type!r}: choose one of {', '.join(self.known)}"
        )


@dataclass(eq=False)
class DatesReversed(Refusal):
    """A stay that ends before it has lasted a night."""

    code = "dates_reversed"
    check_in: date
    check_out: date

    def __str__(self) -> str:
        return (
            f"checkOut {self.check_out} must be after checkIn {self.check_in}: a stay has at least"
            " one night"
        )


@dataclass(eq=False)
class StayTooLong(Refusal):
    """A stay of more nights than a reservation can hold."""

    code = "stay_too_long"
    nights: int
    most: int

    def __str__(self) -> str:
        return (
            f"a reservation holds at most {self.most} nights, not {self.nights}: book the rest as"
            " another one"
        )
