"""Refusals about rooms and nights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rtdash.domain.refusals import Refusal


@dataclass(eq=False)
class NoAvailability(Refusal):
    """No room of the type is left on `night`, and the venue doesn't overbook."""

    code = "no_availability"
    text = (
        "all {total_rooms} rooms of type {room_type!r} are sold for the night of"
        " {night}: choose other dates or another room type (GET"
        " /api/hotel/rooms/availability shows what is free)"
    )
    room_type: str
    night: date
    total_rooms: int


@dataclass(eq=False)
class OverCapacity(Refusal):
    """More guests than the room type holds, and the venue doesn't allow it."""

    code = "over_capacity"
    text = (
        "a room of type {room_type!r} holds {capacity} guests, not {guests}:"
        " choose a larger type, or book several rooms"
    )
    guests: int
    room_type: str
    capacity: int


@dataclass(eq=False)
class UnknownRoomType(Refusal):
    """The hotel has no such room type."""

    code = "unknown_room_type"
    text = "the hotel has no room type {room_type!r}: choose one of {known}"
    room_type: str | None
    known: Sequence[str]


@dataclass(eq=False)
class DatesReversed(Refusal):
    """A stay that ends before it has lasted a night."""

    code = "dates_reversed"
    text = "checkOut {check_out} must be after checkIn {check_in}: a stay has at least one night"
    check_in: date
    check_out: date


@dataclass(eq=False)
class StayTooLong(Refusal):
    """A stay of more nights than a reservation can hold."""

    code = "stay_too_long"
    text = "a reservation holds at most {most} nights, not {nights}: book the rest as another one"
    nights: int
    most: int
