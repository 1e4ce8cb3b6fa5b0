"""Rooms that the generator itself has sold, so that a hotel which doesn't overbook refuses nothing of a plan."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from rtdash.domain.venues import RoomType, Venue


class Ledger:
    """Room-nights by room type. `share` of each type's rooms may be sold; a hotel that allows overbooking has no limit."""

    def __init__(self, venue: Venue, *, share: float = 1.0) -> None:
        self._unlimited = venue.allow_overbooking
        self._types = [room_type for room_type in venue.room_types if room_type.total_rooms > 0]
        most = max((room_type.capacity for room_type in self._types), default=0)
        self._largest = [room_type for room_type in self._types if room_type.capacity == most]
        self._rooms = {room_type.id: int(room_type.total_rooms * share + 0.5) for room_type in venue.room_types}
        self._sold: dict[tuple[str, date], int] = {}
        self._forgotten_before = date.min

    def find(self, guests: int, check_in: date, nights: int, rng: Random, *, weeks: int = 1) -> tuple[RoomType, date] | None:
        """A type with a free room that holds the party (or else the largest), and the check-in: of that date or up to `weeks` - 1 later.

        The type is drawn by the number of its rooms, and another taken when it is sold; None when all are.
        """
        fitting = [room_type for room_type in self._types if room_type.capacity >= guests] or self._largest
        wanted = rng.choices(fitting, [room_type.total_rooms for room_type in fitting])[0]
        for week in range(weeks):
            moved = check_in + timedelta(weeks=week)
            for room_type in (wanted, *fitting):
                if self.has_room(room_type.id, moved, nights):
                    return room_type, moved
        return None

    def has_room(self, room_type_id: str, check_in: date, nights: int) -> bool:
        """Whether a room of the type is free on every night."""
        rooms = self._rooms[room_type_id]
        return self._unlimited or all(self._sold.get(key, 0) < rooms for key in _keys(room_type_id, check_in, nights))

    def is_crowded(self, night: date) -> bool:
        """Whether three quarters of what may be sold for the night are sold."""
        sold = sum(self._sold.get((room_type_id, night), 0) for room_type_id in self._rooms)
        return not self._unlimited and 4 * sold >= 3 * sum(self._rooms.values())

    def take(self, room_type_id: str, check_in: date, nights: int) -> None:
        """Sell a room; whether there is one was asked before."""
        for key in _keys(room_type_id, check_in, nights):
            self._sold[key] = self._sold.get(key, 0) + 1

    def give_back(self, room_type_id: str, check_in: date, nights: int) -> None:
        """Free a room that was taken; nights that were forgotten stay so."""
        for key in _keys(room_type_id, check_in, nights):
            if key[1] >= self._forgotten_before:
                self._sold[key] -= 1

    def forget_before(self, night: date) -> None:
        """Drop the nights before `night`, which nobody can book any more: memory stays bounded."""
        if night > self._forgotten_before:
            self._forgotten_before = night
            self._sold = {key: sold for key, sold in self._sold.items() if key[1] >= night}


def _keys(room_type_id: str, check_in: date, nights: int) -> Iterator[tuple[str, date]]:
    return ((room_type_id, check_in + timedelta(days=night)) for night in range(nights))
