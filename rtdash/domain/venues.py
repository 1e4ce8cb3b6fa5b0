"""Venues: what a hotel or a restaurant is, and its business date."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
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
    """One hotel or one restaurant, as its venue file describes it (guide: quickstart, "Your own
    venues").
    """

    id: str
    name: str
    kind: VenueKind
    timezone: str
    currency: str
    closeout_hour: int
    check_in_time: time = time(15)
    upcoming_lead_minutes: int = 60
    allow_overbooking: bool = False
    allow_over_capacity: bool = False
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
        """Return the room type of that id."""
        return next(
            (room_type for room_type in self.room_types if room_type.id == room_type_id), None
        )

    def menu_category(self, id_or_name: str) -> MenuCategory | None:
        """Return the part of the menu of that id, or else of that name."""
        by_id = (category for category in self.menu if category.id == id_or_name)
        by_name = (category for category in self.menu if category.name == id_or_name)
        return next(by_id, None) or next(by_name, None)


def business_date(venue: Venue, instant: datetime) -> date:
    """Return the venue's local date at `instant`; it turns at the closeout hour by the wall clock."""
    local = instant.astimezone(venue.zone)
    return local.date() if local.hour >= venue.closeout_hour else local.date() - timedelta(days=1)


def next_turn(venue: Venue, instant: datetime) -> datetime:
    """Return the first instant (UTC) after `instant` at which the venue's business date is another
    one.
    """
    following = business_date(venue, instant) + timedelta(days=1)
    turn = _at_wall_clock(venue, following, time(venue.closeout_hour))
    # Where a clock set back by two hours shows the closeout hour in the midst of them, the date
    # turns a second time.
    return (
        turn
        if turn > instant
        else _at_wall_clock(venue, following, time(venue.closeout_hour, fold=1))
    )


def business_day(venue: Venue, day: date) -> tuple[datetime, datetime]:
    """Return the instants (UTC) between which the venue's business date is `day`; the second is
    the first of the next date.
    """
    begin = _at_wall_clock(venue, day, time(venue.closeout_hour))
    return begin, _at_wall_clock(venue, day + timedelta(days=1), time(venue.closeout_hour))


def stay_start(venue: Venue, check_in: date) -> datetime:
    """Return when a stay starts (UTC): its first day at the venue's check-in time."""
    return _at_wall_clock(venue, check_in, venue.check_in_time)


def same_time_last_week(venue: Venue, instant: datetime) -> datetime:
    """Return the same local time seven days before (UTC), so that a day of 23 or 25 hours in
    between shifts nothing.

    A local time that last week's clock skipped is taken as long after the skip; of one that it
    showed twice, the first, unless `instant` is itself the second of such a pair.
    """
    local = instant.astimezone(venue.zone)
    return (local - timedelta(days=7)).astimezone(UTC)


def _at_wall_clock(venue: Venue, day: date, clock: time) -> datetime:
    # A time that the clock skips is read with the offset before the skip (PEP 495), so it never
    # falls before it.
    return datetime.combine(day, clock, tzinfo=venue.zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
