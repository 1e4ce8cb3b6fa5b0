"""A small hotel and a small restaurant, and operations on them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from rtdash.domain.availability import Rooms
from rtdash.domain.operations import decide
from rtdash.domain.reservations import Op, Operation, Reservation
from rtdash.domain.venues import MenuCategory, MenuItem, RoomType, Venue, VenueKind

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def hotel() -> Venue:
    """Two rooms of a type and one of another, in Lisbon."""
    return Venue(
        id="inn",
        name="Inn",
        kind=VenueKind.HOTEL,
        timezone="Europe/Lisbon",
        currency="EUR",
        closeout_hour=3,
        room_types=(
            RoomType("double", "Double", 2, 12000, 2),
            RoomType("suite", "Suite", 3, 30001, 1),
        ),
    )


@pytest.fixture(scope="session")
def restaurant() -> Venue:
    """A menu of two categories, in Lisbon."""
    return Venue(
        id="grill",
        name="Grill",
        kind=VenueKind.RESTAURANT,
        timezone="Europe/Lisbon",
        currency="EUR",
        closeout_hour=4,
        menu=(
            MenuCategory("mains", "From the grill", (MenuItem("bass", "Bass", "", 2200),)),
            MenuCategory("drinks", "Drinks"),
        ),
    )


@pytest.fixture(scope="session")
def now() -> datetime:
    """Noon of a summer day in UTC: 13:00 in Lisbon."""
    return datetime(2026, 7, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def operation() -> Make:
    """Operations with an id of their own; `book` gets what it needs, unless it is given."""
    numbers = count(1)

    def make(op: Op, venue: Venue, **fields: Any) -> Operation:
        given: dict[str, Any] = {
            "operation_id": f"op-{next(numbers)}",
            "op": op,
            "venue_id": venue.id,
        }
        if op is Op.BOOK:
            given |= {"customer_name": "Ana Reis", "guests": 2, "source": "web"}
            given |= (
                _stay()
                if venue.kind is VenueKind.HOTEL
                else {"start": datetime(2026, 7, 10, 19, tzinfo=UTC)}
            )
        return Operation(**given | fields)

    return make


@pytest.fixture(scope="session")
def apply(operation: Make, now: datetime) -> Make:
    """Decides one operation after the other on one reservation, live at `now`, and gives the last
    version.
    """

    def run(
        venue: Venue,
        *steps: Op | tuple[Op, dict[str, Any]],
        rooms: Rooms | None = None,
        at: datetime = now,
    ) -> Reservation | None:
        current: Reservation | None = None
        kept = rooms if rooms is not None else Rooms()
        for step in steps:
            op, fields = step if isinstance(step, tuple) else (step, {})
            current = decide(
                operation(op, venue, **fields), current, venue=venue, now=at, rooms=kept
            ).reservation
        return current

    return run


def _stay() -> dict[str, Any]:
    return {"room_type": "double", "check_in": date(2026, 7, 12), "check_out": date(2026, 7, 14)}
