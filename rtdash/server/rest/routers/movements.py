"""A business date at the front desk: a hotel's arrivals and departures, a restaurant's covers."""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.movements import (
    NIGHTS_AHEAD,
    Covers,
    DayChanges,
    Movements,
    count_covers,
    count_movements,
)
from rtdash.domain.venues import Venue, VenueKind, business_date, business_day
from rtdash.server.rest import venue_schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import DateQuery
from rtdash.server.rest.responses import answer
from rtdash.store import movements as rows
from rtdash.store.database import Connection
from rtdash.store.reservations import read_sold

DayQuery = Annotated[
    DateQuery | None, Query(alias="date", description="A business date; default: today's.")
]

router = APIRouter(tags=["venues"])


@router.get("/api/hotel/movements", responses=reading(venue_schemas.Movements))
async def read_movements(
    request: Request,
    services: PartsDep,
    caller: Caller,
    day: DayQuery = None,
    venue_id: VenueQuery = None,
) -> Response:
    """Arrivals, departures, guests in house, and the occupancy of 14 nights."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.HOTEL)
    today = business_date(venue, services.clock())
    body = await services.database.read(
        lambda connection: _movements(connection, venue, day or today, today)
    )
    return answer(request, body)


@router.get("/api/restaurant/covers", responses=reading(venue_schemas.Covers))
async def read_covers(
    request: Request,
    services: PartsDep,
    caller: Caller,
    day: DayQuery = None,
    venue_id: VenueQuery = None,
) -> Response:
    """Parties and guests of a business date, in all and by half hour."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.RESTAURANT)
    on = day or business_date(venue, services.clock())
    return answer(
        request, await services.database.read(lambda connection: _covers(connection, venue, on))
    )


def _movements(connection: Connection, venue: Venue, day: date, today: date) -> dict[str, Any]:
    counted = count_movements(rows.read_stays(connection, venue.id, day), day, today)
    changes = rows.count_changes(connection, venue.id, *business_day(venue, day))
    last = day + timedelta(days=NIGHTS_AHEAD - 1)
    sold = dict.fromkeys((day + timedelta(days=n) for n in range(NIGHTS_AHEAD)), 0)
    for (_, night), rooms in read_sold(connection, venue.id, day, last).items():
        sold[night] += rooms
    occupancy = [
        {"date": night.isoformat(), "soldRooms": rooms, "totalRooms": venue.total_rooms}
        for night, rooms in sold.items()
    ]
    return {**_heading(venue, day), **_hotel_counts(counted), **_changes(changes)} | {
        "occupancy": occupancy
    }


def _covers(connection: Connection, venue: Venue, day: date) -> dict[str, Any]:
    counted = count_covers(rows.read_parties(connection, venue.id, day), venue)
    changes = rows.count_changes(connection, venue.id, *business_day(venue, day))
    return {
        **_heading(venue, day),
        **_restaurant_counts(counted),
        **_changes(changes),
        "slots": [
            {
                "time": slot.time.isoformat("minutes"),
                "parties": slot.count.parties,
                "guests": slot.count.guests,
            }
            for slot in counted.slots
        ],
    }


def _heading(venue: Venue, day: date) -> dict[str, Any]:
    return {"venue": venue.id, "businessDate": day.isoformat()}


def _changes(changes: DayChanges) -> dict[str, Any]:
    return {"bookedToday": changes.booked, "cancelledToday": changes.cancelled}


def _hotel_counts(counted: Movements) -> dict[str, Any]:
    return {
        "arrivals": {"expected": counted.expected_arrivals, "arrived": counted.arrived},
        "departures": {"expected": counted.expected_departures, "departed": counted.departed},
        "inHouse": counted.in_house,
        "guestsInHouse": counted.guests_in_house,
    }


def _restaurant_counts(counted: Covers) -> dict[str, Any]:
    named = {
        "expected": counted.expected,
        "seated": counted.seated,
        "completed": counted.completed,
    }
    return {
        "parties": {name: count.parties for name, count in named.items()},
        "guests": {name: count.guests for name, count in named.items()},
    }
