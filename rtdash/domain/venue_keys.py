"""Keys of a venue file, by the table that they stand in."""

from collections.abc import Sequence
from difflib import get_close_matches

VENUE_KEYS = (
    "id",
    "name",
    "kind",
    "timezone",
    "currency",
    "closeoutHour",
    "upcomingLeadMinutes",
    "largeParty",
)
HOTEL_KEYS = ("checkInTime", "allowOverbooking", "allowOverCapacity", "roomTypes")
RESTAURANT_KEYS = ("menu",)
ROOM_TYPE_KEYS = ("id", "name", "capacity", "baseRate", "totalRooms", "amenities")
CATEGORY_KEYS = ("id", "name", "items")
ITEM_KEYS = ("id", "name", "description", "price", "available")

_TABLES = {
    "[[venue]]": VENUE_KEYS,
    "[[venue]] of a hotel": HOTEL_KEYS,
    "[[venue]] of a restaurant": RESTAURANT_KEYS,
    "[[venue.roomTypes]]": ROOM_TYPE_KEYS,
    "[[venue.menu]]": CATEGORY_KEYS,
    "[[venue.menu.items]]": ITEM_KEYS,
}
_ALIKE = 0.8
"""Similarity from which a key of another table counts as meant."""


def explain_unknown(key: str, known: Sequence[str]) -> str:
    """Return what is wrong with a key of a table that has only the `known` ones: it belongs to
    another table, is misspelt, or is unknown everywhere.
    """
    table_of = {name: table for table, keys in reversed(_TABLES.items()) for name in keys}
    if key not in table_of and (near := get_close_matches(key, known, 1)):
        return f"unknown key {key!r}: did you mean {near[0]!r}?"
    if meant := get_close_matches(key, table_of, 1, _ALIKE):
        return (
            f"unknown key {key!r} here: {meant[0]!r} belongs to {table_of[meant[0]]}, between that"
            " line and the next [[…]]"
        )
    return f"unknown key {key!r}: known here are {', '.join(known)}"
