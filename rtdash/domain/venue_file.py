"""Venue files: TOML that describes hotels and restaurants (guide: quickstart, "Your own venues"); a
wrong one is refused whole, with the line.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import time
from decimal import Decimal

from rtdash.domain.money import CURRENCIES
from rtdash.domain.toml_lines import TomlLines
from rtdash.domain.venue_keys import (
    CATEGORY_KEYS,
    HOTEL_KEYS,
    ITEM_KEYS,
    RESTAURANT_KEYS,
    ROOM_TYPE_KEYS,
    VENUE_KEYS,
)
from rtdash.domain.venue_tables import Table, VenueFileError, decode_file
from rtdash.domain.venues import MenuCategory, MenuItem, RoomType, Venue, VenueKind
from rtdash.domain.zones import is_readable, zone_problem

__all__ = ["VenueFileError", "check_zones", "parse_venues", "venue_from_json", "venue_to_json"]

CLOSEOUT_HOURS = {VenueKind.HOTEL: 3, VenueKind.RESTAURANT: 4}
"""When the business date turns, where the file doesn't say."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def parse_venues(content: str | bytes, *, source: str) -> tuple[Venue, ...]:
    """Return the venues of a file, in its order. `source` names it in errors. Raises VenueFileError
    at the first problem.
    """
    text = decode_file(content, source)
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(text, source, error) from None
    root = Table(document, (), source, TomlLines(text))
    root.allow("venue")
    venues = tuple(_venue(table) for table in root.tables("venue"))
    if not venues:
        root.fail("venue", "the file has no venue: begin one with [[venue]]")
    _check_unique(root, "venue", venues)
    return venues


def check_zones(venues: Iterable[Venue]) -> None:
    """Raise VenueFileError for the first stored venue with a time zone that this machine hasn't:
    with it every request about the venue would fail.
    """
    for venue in venues:
        if not is_readable(venue.timezone):
            problem = zone_problem(venue.timezone) or "this machine's time zone database lacks it"
            raise VenueFileError(
                f"venue {venue.id}", None, f"{problem}; update tzdata, or import the venue anew"
            )


def venue_to_json(venue: Venue) -> str:
    """Return a venue as compact JSON, money in minor units: what `venue_from_json` reads."""
    return json.dumps(
        asdict(venue) | {"check_in_time": venue.check_in_time.isoformat()},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def venue_from_json(text: str) -> Venue:
    """Return the venue that `venue_to_json` wrote."""
    values = json.loads(text)
    room_types = tuple(
        RoomType(**part | {"amenities": tuple(part["amenities"])}) for part in values["room_types"]
    )
    menu = tuple(
        MenuCategory(**part | {"items": tuple(MenuItem(**item) for item in part["items"])})
        for part in values["menu"]
    )
    parsed = {
        "kind": VenueKind(values["kind"]),
        "check_in_time": time.fromisoformat(values["check_in_time"]),
    }
    return Venue(**values | parsed | {"room_types": room_types, "menu": menu})


def _venue(table: Table) -> Venue:
    kind = _kind(table)
    table.allow(*VENUE_KEYS, *(HOTEL_KEYS if kind is VenueKind.HOTEL else RESTAURANT_KEYS))
    currency = _currency(table)
    venue = Venue(
        id=_id(table),
        name=table.text("name"),
        kind=kind,
        timezone=_timezone(table),
        currency=currency,
        closeout_hour=table.whole("closeoutHour", 0, 23, default=CLOSEOUT_HOURS[kind]),
        check_in_time=_check_in_time(table),
        upcoming_lead_minutes=table.whole("upcomingLeadMinutes", 1, 1440, default=60),
        allow_overbooking=table.boolean("allowOverbooking", default=False),
        allow_over_capacity=table.boolean("allowOverCapacity", default=False),
        large_party=table.whole("largeParty", 2, 1000, default=8),
        room_types=tuple(_room_type(part, currency) for part in table.tables("roomTypes")),
        menu=tuple(_category(part, currency) for part in table.tables("menu")),
    )
    _check_venue(table, venue)
    return venue


def _check_venue(table: Table, venue: Venue) -> None:
    if venue.kind is VenueKind.HOTEL and not venue.room_types:
        table.fail("roomTypes", "a hotel needs at least one [[venue.roomTypes]]")
    if venue.check_in_time.hour < venue.closeout_hour:
        table.fail(
            "checkInTime",
            f"checkInTime must not be before the closeout hour ({venue.closeout_hour}), or stays"
            " start on the day before",
        )
    _check_unique(table, "roomTypes", venue.room_types)
    _check_unique(table, "menu", venue.menu)
    seen: set[str] = set()
    for part, category in enumerate(venue.menu):
        for index, item in enumerate(category.items):
            if item.id in seen:
                table.fail_at(("menu", part, "items", index, "id"), _twice(item.id))
            seen.add(item.id)


def _check_unique(
    table: Table, key: str, entries: Sequence[Venue | RoomType | MenuCategory]
) -> None:
    for field in ("id", "name"):
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            value = getattr(entry, field)
            if value in seen:
                table.fail_at((key, index, field), _twice(value))
            seen.add(value)


def _room_type(table: Table, currency: str) -> RoomType:
    table.allow(*ROOM_TYPE_KEYS)
    return RoomType(
        id=_id(table),
        name=table.text("name"),
        capacity=table.whole("capacity", 1, 100),
        base_rate_minor=table.money("baseRate", currency),
        total_rooms=table.whole("totalRooms", 0, 100_000),
        amenities=table.texts("amenities"),
    )


def _category(table: Table, currency: str) -> MenuCategory:
    table.allow(*CATEGORY_KEYS)
    items = tuple(_item(item, currency) for item in table.tables("items"))
    return MenuCategory(id=_id(table), name=table.text("name"), items=items)


def _item(table: Table, currency: str) -> MenuItem:
    table.allow(*ITEM_KEYS)
    return MenuItem(
        id=_id(table),
        name=table.text("name"),
        description=table.text("description", default=""),
        price_minor=table.money("price", currency),
        available=table.boolean("available", default=True),
    )


def _id(table: Table) -> str:
    value = table.text("id")
    if not _ID.fullmatch(value):
        table.fail(
            "id",
            f"id {value!r} must be up to 64 letters, digits, '-' or '_', beginning with a letter or"
            " digit",
        )
    return value


def _kind(table: Table) -> VenueKind:
    value = table.text("kind")
    if value not in set(VenueKind):
        table.fail(
            "kind", f"kind must be {' or '.join(map(repr, map(str, VenueKind)))}, not {value!r}"
        )
    return VenueKind(value)


def _timezone(table: Table) -> str:
    value = table.text("timezone")
    if problem := zone_problem(value):
        table.fail("timezone", problem)
    return value


def _currency(table: Table) -> str:
    value = table.text("currency")
    if value not in CURRENCIES:
        known = value.upper() in CURRENCIES
        hint = (
            f"did you mean {value.upper()!r}?"
            if known
            else "write the three letters of ISO 4217, such as EUR"
        )
        table.fail("currency", f"unknown currency {value!r}: {hint}")
    return value


def _check_in_time(table: Table) -> time:
    value = table.text("checkInTime", default="15:00")
    clock = _CLOCK.fullmatch(value)
    if clock is None:
        table.fail(
            "checkInTime", f'checkInTime must be hours and minutes, as in "15:00", not {value!r}'
        )
    return time(int(clock[1]), int(clock[2]))


def _twice(value: str) -> str:
    return f"{value!r} is there twice: ids and names must differ within their list"


def _syntax_error(text: str, source: str, error: tomllib.TOMLDecodeError) -> VenueFileError:
    place = re.search(r"\(at line (\d+), column \d+\)", str(error))
    line = int(place[1]) if place else text.count("\n") + 1
    return VenueFileError(source, line, f"not TOML: {error}")
