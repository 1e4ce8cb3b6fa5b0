"""Check of the rooms that a hotel shows as free: at the end of a phase each night must lack the
rooms that the run's own bookings hold.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.run.rest_checker import RestChecker, find_lasting

PATH = "/api/hotel/rooms/availability"
_MOST_NIGHTS = 366

Rooms = Mapping[tuple[str, str], int]
"""Rooms by night and room type."""


async def check_availability(
    checker: RestChecker, venues: Iterable[TargetVenue], model: BookingModel
) -> None:
    """Compare the nights of each hotel for which the run holds rooms."""
    for venue in venues:
        held = rooms_held(model, venue.id)
        if venue.kind != "hotel" or not held:
            continue
        flaw = await find_lasting(partial(_flaw_of, checker, venue, held))
        if flaw is not None:
            checker.findings.add(f"{PATH} of {venue.id}: {flaw}")


def rooms_held(model: BookingModel, venue: str) -> Rooms:
    """Return how many rooms the run's standing bookings (of one night each) hold."""
    held: Counter[tuple[str, str]] = Counter()
    for _, reservation in model.of_venue(venue):
        fields = reservation.fields
        if fields["status"] != "Cancelled" and "checkIn" in fields:
            held[fields["checkIn"], fields["roomType"]] += 1
    return held


def find_overstated(days: Iterable[Mapping[str, Any]], held: Rooms) -> str | None:
    """Return the first night that shows more free rooms than the run's bookings leave."""
    for day in days:
        for rooms in day["byRoomType"]:
            total, free = rooms["totalRooms"], rooms["availableRooms"]
            booked = held.get((day["date"], rooms["roomType"]), 0)
            if total - free < booked:
                return (
                    f"{day['date']} shows {free} of {total} rooms of type {rooms['roomType']} as"
                    f" free, and this run alone holds {booked}"
                )
    return None


async def _flaw_of(checker: RestChecker, venue: TargetVenue, held: Rooms) -> str | None:
    first = min(date.fromisoformat(night) for night, _ in held)
    last = max(date.fromisoformat(night) for night, _ in held)
    end = min(last + timedelta(days=1), first + timedelta(days=_MOST_NIGHTS))
    answer = await checker.request(
        PATH, venue=venue.id, startDate=first.isoformat(), endDate=end.isoformat()
    )
    return None if answer is None else find_overstated(answer["days"], held)
