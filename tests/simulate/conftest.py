"""Venues of the generators' tests, and a house that applies operations as the server would: the
domain's own rules, nothing stored.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.operations import decide
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import Reservation
from rtdash.domain.venues import Venue
from rtdash.server.rest.operation_parser import parse_op, parse_operation
from rtdash.simulate.past import Past, fitting_profile
from rtdash.simulate.script import TimedOperation
from rtdash.simulate.venue_reader import packaged_venues

HOTEL, RESTAURANT = packaged_venues()


def generate_past(
    venue: Venue, profile: str, *, seed: int, start: datetime, days: int
) -> Iterator[TimedOperation]:
    """The operations of a venue on the days before `start`; ValueError for another kind's profile."""
    chosen = fitting_profile(venue, profile)
    return Past(venue, chosen, seed, start.astimezone(UTC), days).operations()


class House:
    """Reservations and rooms of one venue; refusals are counted by their code."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.reservations: dict[str, Reservation] = {}
        self.refusals: Counter[str] = Counter()
        self.sold: Counter[tuple[str, date]] = Counter()

    def apply(self, wire: dict[str, Any], now: datetime) -> None:
        """One operation in its wire form; what is malformed raises the server's Problem."""
        operation = parse_operation(wire, parse_op(wire, self.venue.kind), self.venue)
        rooms = Rooms(self.sold)
        try:
            current = self.reservations.get(operation.reservation_id or "")
            after = decide(operation, current, venue=self.venue, now=now, rooms=rooms).reservation
        except Refusal as refusal:
            self.refusals[refusal.code] += 1
        else:
            self.reservations[after.id] = after
            self.sold.update(rooms.changes())

    def occupancy(self, night: date) -> float:
        """The share of rooms sold for a night."""
        return (
            sum(self.sold[room_type.id, night] for room_type in self.venue.room_types)
            / self.venue.total_rooms
        )


@pytest.fixture(scope="session")
def hotel() -> Venue:
    """The hotel of an empty database: 50 rooms, no overbooking."""
    return HOTEL


@pytest.fixture(scope="session")
def restaurant() -> Venue:
    """The restaurant of an empty database."""
    return RESTAURANT


@pytest.fixture(scope="session")
def start() -> datetime:
    """A Friday in the late afternoon."""
    return datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture(scope="session")
def open_house() -> type[House]:
    """A venue without reservations."""
    return House
