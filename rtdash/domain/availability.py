"""Rooms: how many of each type are sold for each night, and whether one more can be."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

from rtdash.domain.reservations import NOT_COMING, Op, Operation, Reservation
from rtdash.domain.stay_refusals import NoAvailability
from rtdash.domain.venues import Venue, VenueKind

MAX_NIGHTS = 366
"""A reservation holds at most so many nights, so that no request can ask for a million rows."""

_CHANGES_ROOMS = frozenset(
    {
        Op.BOOK,
        Op.AMEND,
        Op.CANCEL,
        Op.REINSTATE,
        Op.NO_SHOW,
        Op.UNDO_NO_SHOW,
        Op.CHECK_OUT,
        Op.PUT,
    }
)


class Night(NamedTuple):
    """A room of a type for the night that begins on a local date."""

    room_type: str
    date: date


class Rooms:
    """Rooms sold of one hotel while a batch is decided: what was loaded, and what the batch has
    changed since.

    A night that was not loaded counts as unsold, so load all of `nights_touched_in_turn` first.
    """

    def __init__(
        self, sold: Mapping[tuple[str, date], int] | None = None, *, judges_at_end: bool = False
    ) -> None:
        self._loaded = {} if sold is None else sold
        self._changes: Counter[Night] = Counter()
        self._judges_at_end = judges_at_end
        self._unjudged: set[Night] = set()

    def sold(self, room_type: str, night: date) -> int:
        """Return how many rooms of that type are sold for that night by now."""
        key = Night(room_type, night)
        return self._loaded.get(key, 0) + self._changes[key]

    def changes(self) -> dict[Night, int]:
        """Return what to add to the stored counts; nights that came out even are left out."""
        return {night: change for night, change in self._changes.items() if change}

    def exchange(
        self,
        given_back: Collection[Night],
        taken: Collection[Night],
        venue: Venue,
        *,
        is_judged: bool = True,
    ) -> None:
        """Give nights back and take others, all or nothing.

        Raises NoAvailability for the first night without a room left, unless the venue allows
        overbooking, the caller doesn't decide (`is_judged` False: a mirror), or all is judged at
        the end. A night that is both given back and taken is kept, whatever the count.
        """
        if given_back == taken:
            return
        fresh = sorted(set(taken).difference(given_back), key=lambda night: night.date)
        if is_judged and not venue.allow_overbooking:
            if self._judges_at_end:
                self._unjudged.update(fresh)
            else:
                self._check(fresh, venue)
        self._changes.update(fresh)
        self._changes.subtract(set(given_back).difference(taken))

    def overbooked(self, venue: Venue) -> list[Night]:
        """Return the nights that have more rooms sold than there are, and more than before, among
        those left to be judged at the end.
        """
        return sorted(
            night
            for night in self._unjudged
            if self._changes[night] > 0 and self.sold(*night) > total_rooms(venue, night.room_type)
        )

    def _check(self, nights: Iterable[Night], venue: Venue) -> None:
        for night in nights:
            total = total_rooms(venue, night.room_type)
            if self.sold(*night) >= total:
                raise NoAvailability(night.room_type, night.date, total)


def total_rooms(venue: Venue, room_type_id: str) -> int:
    """Return how many rooms of a type the hotel has; 0 of one that it doesn't have."""
    room_type = venue.room_type(room_type_id)
    return room_type.total_rooms if room_type else 0


@dataclass(frozen=True, slots=True)
class TypeAvailability:
    """The rooms of one type for one night."""

    room_type: str
    total_rooms: int
    available_rooms: int


@dataclass(frozen=True, slots=True)
class DayAvailability:
    """The rooms of a hotel for one night; `occupancy_rate` in whole percent of the rooms."""

    date: date
    total_rooms: int
    available_rooms: int
    occupancy_rate: int
    by_room_type: tuple[TypeAvailability, ...]


def nights_held(reservation: Reservation | None) -> frozenset[Night]:
    """Return the nights for which a reservation holds a room: none when it is not coming, or in a
    restaurant.
    """
    if reservation is None or reservation.status in NOT_COMING or reservation.room_type is None:
        return frozenset()
    return frozenset(_stay(reservation.room_type, reservation.check_in, reservation.check_out))


def nights_touched_in_turn(
    operations: Sequence[Operation], current: Reservation | None, venue: Venue
) -> set[Night]:
    """Return the nights with counts that must be known to decide operations on one reservation, one
    after the other (`current` None: it doesn't exist yet).

    Any of them may be refused, so every mix of their room types and dates is covered. A stay that
    is left early gives back nights of its own.
    """
    changing = [operation for operation in operations if operation.op in _CHANGES_ROOMS]
    if venue.kind is not VenueKind.HOTEL or not changing:
        return set()
    sources: list[Reservation | Operation] = [*changing, *([current] if current else [])]
    room_types = {source.room_type for source in sources if source.room_type}
    firsts = {source.check_in for source in sources if source.check_in}
    lasts = {source.check_out for source in sources if source.check_out}
    return {
        night
        for room_type, first, last in product(room_types, firsts, lasts)
        for night in _stay(room_type, first, last)
    }


def day_availability(venue: Venue, night: date, sold: Mapping[str, int]) -> DayAvailability:
    """Return one night of a hotel, from the rooms sold by room type id. What is overbooked counts
    as full.
    """
    by_room_type = tuple(
        TypeAvailability(
            room_type.id,
            room_type.total_rooms,
            max(0, room_type.total_rooms - sold.get(room_type.id, 0)),
        )
        for room_type in venue.room_types
    )
    available = sum(part.available_rooms for part in by_room_type)
    return DayAvailability(
        night,
        venue.total_rooms,
        available,
        occupancy_rate(venue.total_rooms, available),
        by_room_type,
    )


def occupancy_rate(total: int, available: int) -> int:
    """Return the whole percent of the rooms that are sold, halves up: of 50 rooms with 35
    available, 30. Nothing to sell is 0.
    """
    return (200 * (total - available) + total) // (2 * total) if total else 0


def _stay(room_type: str, first: date | None, last: date | None) -> Iterable[Night]:
    if first is None or last is None or (last - first).days > MAX_NIGHTS:
        return ()
    return (Night(room_type, first + timedelta(days=day)) for day in range((last - first).days))
