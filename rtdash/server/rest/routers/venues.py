"""Offers of a hotel or a restaurant: rooms and their availability, the menu."""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.availability import DayAvailability, day_availability
from rtdash.domain.money import to_major
from rtdash.domain.venues import Venue, VenueKind
from rtdash.server.rest import venue_schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import DateQuery
from rtdash.server.rest.problems import invalid
from rtdash.server.rest.responses import answer
from rtdash.store.reservations import read_sold

MAX_NIGHTS = 366

router = APIRouter(tags=["venues"])


@router.get("/api/hotel/rooms/availability", responses=reading(venue_schemas.RoomAvailability))
async def read_availability(
    request: Request,
    services: PartsDep,
    caller: Caller,
    first: Annotated[DateQuery, Query(alias="startDate", description="The first night.")],
    end: Annotated[
        DateQuery, Query(alias="endDate", description="The morning after the last night.")
    ],
    venue_id: VenueQuery = None,
) -> Response:
    """Rooms free for each night from startDate up to, not including, endDate: 1 to 366 nights."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.HOTEL)
    nights = (end - first).days
    if not 1 <= nights <= MAX_NIGHTS:
        raise invalid(
            [("endDate", f"must be 1 to {MAX_NIGHTS} days after startDate, not {nights}")]
        )
    sold = await services.database.read(
        lambda connection: read_sold(connection, venue.id, first, end - timedelta(days=1))
    )
    by_night: dict[date, dict[str, int]] = {}
    for (room_type, night), rooms in sold.items():
        by_night.setdefault(night, {})[room_type] = rooms
    days = [
        day_availability(venue, night, by_night.get(night, {}))
        for night in (first + timedelta(days=n) for n in range(nights))
    ]
    body = {
        "startDate": first.isoformat(),
        "endDate": end.isoformat(),
        "totalRooms": venue.total_rooms,
        "days": [_day_json(day) for day in days],
    }
    return answer(request, body)


@router.get("/api/hotel/room-types", responses=reading(venue_schemas.RoomTypes))
async def read_room_types(
    request: Request, services: PartsDep, caller: Caller, venue_id: VenueQuery = None
) -> Response:
    """The hotel's room types."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.HOTEL)
    room_types = [
        {
            "id": one.id,
            "name": one.name,
            "capacity": one.capacity,
            "baseRate": to_major(one.base_rate_minor, venue.currency),
            "totalRooms": one.total_rooms,
            "amenities": list(one.amenities),
        }
        for one in venue.room_types
    ]
    return answer(request, {"currency": venue.currency, "roomTypes": room_types})


@router.get("/api/restaurant/menu/categories", responses=reading(venue_schemas.MenuCategories))
async def read_menu_categories(
    request: Request, services: PartsDep, caller: Caller, venue_id: VenueQuery = None
) -> Response:
    """The parts of the menu, each with the number of its items."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.RESTAURANT)
    return answer(
        request,
        {
            "categories": [
                {"id": one.id, "name": one.name, "items": len(one.items)} for one in venue.menu
            ]
        },
    )


@router.get("/api/restaurant/menu/items", responses=reading(venue_schemas.MenuItems))
async def read_menu_items(
    request: Request,
    services: PartsDep,
    caller: Caller,
    category_id: Annotated[
        str | None, Query(alias="categoryId", description="Only those of this category.")
    ] = None,
    venue_id: VenueQuery = None,
) -> Response:
    """Dishes and drinks, in the order of the menu."""
    venue = choose_venue(services.venues, caller, venue_id, kind=VenueKind.RESTAURANT)
    known = [category.id for category in venue.menu]
    if category_id is not None and category_id not in known:
        raise invalid([("categoryId", f"must be one of {', '.join(known)}")])
    return answer(request, {"currency": venue.currency, "items": _items_json(venue, category_id)})


def _day_json(day: DayAvailability) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        "totalRooms": day.total_rooms,
        "availableRooms": day.available_rooms,
        "occupancyRate": day.occupancy_rate,
        "byRoomType": [
            {
                "roomType": one.room_type,
                "totalRooms": one.total_rooms,
                "availableRooms": one.available_rooms,
            }
            for one in day.by_room_type
        ],
    }


def _items_json(venue: Venue, category_id: str | None) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "categoryId": category.id,
            "name": item.name,
            "description": item.description,
            "price": to_major(item.price_minor, venue.currency),
            "available": item.available,
        }
        for category in venue.menu
        if category_id in {None, category.id}
        for item in category.items
    ]
