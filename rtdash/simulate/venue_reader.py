"""Reader of venues: from a server's REST answers, or from a venue file without a server."""

from collections.abc import Sequence
from typing import Any

from rtdash.client.api import Api
from rtdash.domain.money import to_minor
from rtdash.domain.venue_file import CLOSEOUT_HOURS, parse_venues
from rtdash.domain.venues import MenuCategory, MenuItem, RoomType, Venue, VenueKind
from rtdash.resources import data_path


async def read_venues(api: Api) -> tuple[Venue, ...]:
    """Return the venues that the token may read and write, in its order.

    What REST lacks (check-in time, closeout hour, overbooking) has its default: traffic then keeps
    to the existing rooms.
    """
    profile = await api.profile()
    scopes = set(profile["scopes"])
    return tuple(
        [
            await _read_venue(api, entry)
            for entry in profile["venues"]
            if scopes >= {f"{entry['kind']}:read", f"{entry['kind']}:write"}
        ]
    )


def packaged_venues() -> tuple[Venue, ...]:
    """Return the venues that an empty database gets."""
    path = data_path("fixtures", "venues", "default.toml")
    return parse_venues(path.read_bytes(), source=str(path))


async def _read_venue(api: Api, entry: dict[str, Any]) -> Venue:
    kind, currency = VenueKind(entry["kind"]), entry["currency"]
    is_hotel = kind is VenueKind.HOTEL
    return Venue(
        id=entry["id"],
        name=entry["name"],
        kind=kind,
        timezone=entry["timezone"],
        currency=currency,
        closeout_hour=CLOSEOUT_HOURS[kind],
        room_types=(
            tuple(
                _room_type(one, currency)
                for one in (await api.room_types(entry["id"]))["roomTypes"]
            )
            if is_hotel
            else ()
        ),
        menu=() if is_hotel else await _read_menu(api, entry["id"], currency),
    )


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
    categories = await api.menu_categories(venue)
    items = await api.menu_items(venue)
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
