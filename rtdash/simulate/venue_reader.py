"""Reader of venues: from a server's REST answers, or from a venue file without a server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem
from rtdash.domain.money import to_minor
from rtdash.domain.venue_file import CLOSEOUT_HOURS, parse_venues
from rtdash.domain.venues import MenuCategory, MenuItem, RoomType, Venue, VenueKind
from rtdash.resources import data_path

_T = TypeVar("_T")

_AT_ONCE = 6
_TRIES = 60
_PAUSE_S = 0.2


async def read_venues(api: Api) -> tuple[Venue, ...]:
    """Return the venues that the token may read and write, in its order, rooms and menus included.

    What REST lacks (check-in time, overbooking) has its default: traffic then keeps to the existing
    rooms.
    """
    return await read_offers(api, await list_venues(api))


async def list_venues(api: Api) -> tuple[Venue, ...]:
    """Return the venues that the token may read and write, without their rooms and menus."""
    profile = await api.profile()
    scopes = set(profile["scopes"])
    return tuple(
        _venue(entry)
        for entry in profile["venues"]
        if scopes >= {f"{entry['kind']}:read", f"{entry['kind']}:write"}
    )


async def read_offers(
    api: Api, venues: Sequence[Venue], *, on_read: Callable[[int], None] = lambda _: None
) -> tuple[Venue, ...]:
    """Return the venues with their rooms or menus; `on_read` gets the number that are read.

    Several are read at once, and again when the server asks to slow down.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    count = 0

    async def read(venue: Venue) -> Venue:
        nonlocal count
        async with gate:
            offered = await _read_offer(api, venue)
        count += 1
        on_read(count)
        return offered

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(venue)) for venue in venues]
    return tuple(task.result() for task in tasks)


def packaged_venues() -> tuple[Venue, ...]:
    """Return the venues that an empty database gets."""
    path = data_path("fixtures", "venues", "default.toml")
    return parse_venues(path.read_bytes(), source=str(path))


def _venue(entry: dict[str, Any]) -> Venue:
    kind = VenueKind(entry["kind"])
    return Venue(
        id=entry["id"],
        name=entry["name"],
        kind=kind,
        timezone=entry["timezone"],
        currency=entry["currency"],
        closeout_hour=entry.get("closeoutHour", CLOSEOUT_HOURS[kind]),
        room_types=(),
        menu=(),
    )


async def _read_offer(api: Api, venue: Venue) -> Venue:
    if venue.kind is VenueKind.HOTEL:
        types = (await _patient(api.room_types, venue.id))["roomTypes"]
        return replace(
            venue, room_types=tuple(_room_type(entry, venue.currency) for entry in types)
        )
    return replace(venue, menu=await _read_menu(api, venue.id, venue.currency))


async def _patient(read: Callable[[str], Awaitable[_T]], venue: str) -> _T:
    """Read, and read again for a while when the server says 429."""
    for _ in range(_TRIES):
        try:
            return await read(venue)
        except Problem as problem:
            if problem.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            await asyncio.sleep(max(problem.retry_after_s, _PAUSE_S))
    return await read(venue)


def _room_type(entry: dict[str, Any], currency: str) -> RoomType:
    return RoomType(
        id=entry["id"],
        name=entry["name"],
        capacity=entry["capacity"],
        base_rate_minor=to_minor(entry["baseRate"], currency),
        total_rooms=entry["totalRooms"],
        amenities=tuple(entry["amenities"]),
    )


async def _read_menu(api: Api, venue: str, currency: str) -> tuple[MenuCategory, ...]:
    categories = await _patient(api.menu_categories, venue)
    items = await _patient(api.menu_items, venue) if categories else []
    return tuple(
        MenuCategory(one["id"], one["name"], _items_of(one["id"], items, currency))
        for one in categories
    )


def _items_of(
    category: str, items: Sequence[dict[str, Any]], currency: str
) -> tuple[MenuItem, ...]:
    return tuple(
        MenuItem(
            item["id"],
            item["name"],
            item["description"],
            to_minor(item["price"], currency),
            item["available"],
        )
        for item in items
        if item["categoryId"] == category
    )
