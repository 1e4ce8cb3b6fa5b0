"""Venues: what a hotel or a restaurant is, and its business date."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo


class VenueKind(StrEnum):
    """The two kinds of venue; each has its channels and its lifecycle."""

    HOTEL = "hotel"
    RESTAURANT = "restaurant"


@dataclass(frozen=True, slots=True)
class RoomType:
    """A sellable category of rooms; `base_rate_minor` is the price of a night."""

    id: str
    name: str
    capacity: int
    base_rate_minor: int
    total_rooms: int
    amenities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A dish or drink; `price_minor` in the venue's currency."""

    id: str
    name: str
    description: str
    price_minor: int
    available: bool = True


@dataclass(frozen=True, slots=True)
class MenuCategory:
    """A part of the menu, and the category under which its revenue is reported."""

    id: str
    name: str
    items: tuple[MenuItem, ...] = ()


@dataclass(frozen=True)
class Venue:
    """One hotel or one restaurant, as its venue file describes it (CONTRACT section 6)."""

    id: str
    name: str
    kind: VenueKind
    timezone: str
    currency: str
    closeout_hour: int
    check_in_time: time = time(15)
    upcoming_lead_minutes: int = 60
    allow_overbooking: bool = False
    large_party: int = 8
    room_types: tuple[RoomType, ...] = ()
    menu: tuple[MenuCategory, ...] = ()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The venue's time zone."""
        return _zone(self.timezone)

    @cached_property
    def total_rooms(self) -> int:
        """Rooms of all types."""
        return sum(room_type.total_rooms for room_type in self.room_types)

    def room_type(self, room_type_id: str) -> RoomType | None:
        """The room type of that id."""
        return next((room_type for room_type in self.room_types if room_type.id == room_type_id), None)


def business_date(venue: Venue, instant: datetime) -> date:
    """The venue's local date at `instant`, turning at its closeout hour by the wall clock."""
    local = instant.astimezone(venue.zone)
    return local.date() if local.hour >= venue.closeout_hour else local.date() - timedelta(days=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
