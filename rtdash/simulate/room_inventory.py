"""Inventory of the rooms that the generator has sold, so that the hotel refuses nothing."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date
from random import Random

from rtdash.domain.venues import RoomType, Venue

PRICE_SPREAD = 0.2
"""Spread, in logarithms, of the rates at which a type of room is sold around its base rate.
Assumed: dear bookings get dear rooms."""


def house_rate_minor(room_types: Sequence[RoomType]) -> float:
    """Return the mean base rate of a house's rooms."""
    rooms = sum(room_type.total_rooms for room_type in room_types)
    return sum(one.base_rate_minor * one.total_rooms for one in room_types) / max(rooms, 1)


def draw_room_type(
    room_types: Sequence[RoomType], guests: int, rate_minor: float, rng: Random
) -> RoomType:
    """Draw a type that holds the party, or else one of the largest: by number of rooms and price."""
    fitting = [one for one in room_types if one.capacity >= guests]
    if not fitting:
        most = max(one.capacity for one in room_types)
        fitting = [one for one in room_types if one.capacity == most]
    if len(fitting) == 1:
        return fitting[0]
    weights = [one.total_rooms * _price_fit(one.base_rate_minor, rate_minor) for one in fitting]
    return rng.choices(fitting, weights)[0]


def _price_fit(base_minor: int, rate_minor: float) -> float:
    if rate_minor <= 0 or base_minor <= 0:
        return 1.0
    apart = math.log(rate_minor / base_minor) / PRICE_SPREAD
    return math.exp(-min(apart * apart / 2, 50.0))


class RoomInventory:
    """Sold room-nights by room type. `share` of each type's rooms may be sold; a hotel that allows
    overbooking has no limit.

    Nights are counted as days since year 1, and the full ones of a type stand in a set: `find_room`
    is the hot path of live traffic.
    """

    def __init__(self, venue: Venue, *, share: float = 1.0) -> None:
        self._unlimited = venue.allow_overbooking
        self._types = [room_type for room_type in venue.room_types if room_type.total_rooms > 0]
        self._most = max((room_type.capacity for room_type in self._types), default=0)
        self._rooms = {
            room_type.id: int(room_type.total_rooms * share + 0.5) for room_type in self._types
        }
        self._sold: dict[str, Counter[int]] = {room_type.id: Counter() for room_type in self._types}
        self._full: dict[str, set[int]] = {room_type.id: set() for room_type in self._types}
        self._first_kept = 0

    def find_room(
        self,
        guests: int,
        check_in: date,
        nights: int,
        rng: Random,
        *,
        weeks: range = range(1),
        rate_minor: float = 0.0,
    ) -> tuple[RoomType, date] | None:
        """Find a type with a free room that holds the party (or else the largest), and its date.

        The type is drawn (`draw_room_type`), and another taken when it is sold; the check-in is
        put off by one of `weeks`, the first with a room. None when there is none.
        """
        least = min(guests, self._most)
        fitting = [room_type for room_type in self._types if room_type.capacity >= least]
        wanted = draw_room_type(fitting, least, rate_minor, rng)
        if self._unlimited:
            return wanted, check_in
        choice = [
            room_type
            for room_type in dict.fromkeys((wanted, *fitting))
            if self._rooms[room_type.id] > 0
        ]
        full = [self._full[room_type.id] for room_type in choice]
        first = check_in.toordinal()
        for moved in (first + 7 * week for week in weeks):
            stay = range(moved, moved + nights)
            for index, nights_sold in enumerate(full):
                if nights_sold.isdisjoint(stay):
                    return choice[index], date.fromordinal(moved)
        return None

    def has_room(self, room_type_id: str, check_in: date, nights: int) -> bool:
        """Return whether a room of the type is free on every night."""
        if self._unlimited:
            return True
        return self._rooms[room_type_id] > 0 and self._full[room_type_id].isdisjoint(
            _nights(check_in, nights)
        )

    def sell(self, room_type_id: str, check_in: date, nights: int) -> None:
        """Sell a room; whether there is one was asked before."""
        sold, rooms = self._sold[room_type_id], self._rooms[room_type_id]
        for night in _nights(check_in, nights):
            sold[night] += 1
            if sold[night] >= rooms:
                self._full[room_type_id].add(night)

    def release(self, room_type_id: str, check_in: date, nights: int) -> None:
        """Free a room that was taken; nights that were forgotten stay so."""
        sold, rooms = self._sold[room_type_id], self._rooms[room_type_id]
        for night in _nights(check_in, nights):
            if night >= self._first_kept:
                sold[night] -= 1
                if sold[night] < rooms:
                    self._full[room_type_id].discard(night)

    def forget_before(self, night: date) -> None:
        """Drop the nights before `night`, which can't be booked any more: memory stays bounded."""
        if night.toordinal() > self._first_kept:
            self._first_kept = night.toordinal()
            for room_type_id, sold in self._sold.items():
                self._sold[room_type_id] = Counter(
                    {kept: count for kept, count in sold.items() if kept >= self._first_kept}
                )
                self._full[room_type_id] = {
                    kept for kept in self._full[room_type_id] if kept >= self._first_kept
                }


def _nights(check_in: date, nights: int) -> range:
    first = check_in.toordinal()
    return range(first, first + nights)
