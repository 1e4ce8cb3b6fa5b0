"""Bodies about venues and the user, as OpenAPI shows them."""

from typing import Annotated

from pydantic import Field

from rtdash.server.rest.schemas import Body, Instant, Kind, LocalDate, Money


class VenueSummary(Body):
    """A venue of the token."""

    id: str
    name: str
    kind: Kind
    timezone: str
    currency: str
    closeout_hour: Annotated[
        int, Field(ge=0, le=23, description="Local hour at which the business date turns.")
    ]
    check_in_time: Annotated[
        str | None, Field(description="Hotels: local time, as in 15:00.", pattern=r"^\d\d:\d\d$")
    ] = None


class Profile(Body):
    """User of the token, and its rights."""

    id: str
    name: str | None
    scopes: list[str]
    venues: list[VenueSummary]
    expires_at: Instant


class TypeAvailability(Body):
    """Rooms of a type for a night."""

    room_type: str
    total_rooms: int
    available_rooms: int


class DayAvailability(Body):
    """Rooms for a night; `occupancyRate` in whole percent."""

    date: LocalDate
    total_rooms: int
    available_rooms: int
    occupancy_rate: int
    by_room_type: list[TypeAvailability]


class RoomAvailability(Body):
    """Nights from `startDate` up to, not including, `endDate`."""

    start_date: LocalDate
    end_date: LocalDate
    total_rooms: int
    days: list[DayAvailability]


class RoomType(Body):
    """`baseRate` is the price of a night."""

    id: str
    name: str
    capacity: int
    base_rate: Money
    total_rooms: int
    amenities: list[str]


class RoomTypes(Body):
    """The room types of a hotel."""

    currency: str
    room_types: list[RoomType]


class MenuCategory(Body):
    """`items` is the number of its items."""

    id: str
    name: str
    items: int


class MenuCategories(Body):
    """The parts of a menu."""

    categories: list[MenuCategory]


class MenuItem(Body):
    """A dish or drink."""

    id: str
    category_id: str
    name: str
    description: str
    price: Money
    available: bool


class MenuItems(Body):
    """Items of the menu."""

    currency: str
    items: list[MenuItem]


class Arrivals(Body):
    """Stays that begin on the date; `expected` includes those that have arrived."""

    expected: int
    arrived: int


class Departures(Body):
    """Stays that end on the date; `expected` includes those that have departed."""

    expected: int
    departed: int


class NightOccupancy(Body):
    """Rooms sold for one night."""

    date: LocalDate
    sold_rooms: int
    total_rooms: int


class Movements(Body):
    """A hotel's business date. Cancelled stays and no-shows count in `cancelledToday` alone."""

    venue: str
    business_date: LocalDate
    arrivals: Arrivals
    departures: Departures
    in_house: Annotated[int, Field(description="Reservations checked in and not yet out.")]
    guests_in_house: int
    booked_today: Annotated[int, Field(description="Booked on the date, for any date.")]
    cancelled_today: Annotated[int, Field(description="Cancelled on the date, for any date.")]
    occupancy: Annotated[
        list[NightOccupancy], Field(description="The date's night and the 13 after it.")
    ]


class PartyCount(Body):
    """`expected` includes those that sit or have left; `seated` sit now."""

    expected: int
    seated: int
    completed: int


class CoverSlot(Body):
    """Half an hour, by the local time at which it begins."""

    time: Annotated[str, Field(pattern=r"^\d\d:\d\d$", examples=["19:30"])]
    parties: int
    guests: int


class Covers(Body):
    """A restaurant's business date. Cancelled parties and no-shows count in `cancelledToday`
    alone.
    """

    venue: str
    business_date: LocalDate
    parties: PartyCount
    guests: PartyCount
    booked_today: Annotated[int, Field(description="Booked on the date, for any date.")]
    cancelled_today: Annotated[int, Field(description="Cancelled on the date, for any date.")]
    slots: Annotated[list[CoverSlot], Field(description="Half hours with a party, in order.")]
