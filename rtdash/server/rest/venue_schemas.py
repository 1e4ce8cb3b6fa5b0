"""The bodies that tell of venues and of the user, as OpenAPI shows them."""

from rtdash.server.rest.schemas import Body, Instant, Kind, LocalDate, Money


class VenueSummary(Body):
    """A venue of the token."""

    id: str
    name: str
    kind: Kind
    timezone: str
    currency: str


class Profile(Body):
    """Who the token is for, and what it may do."""

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


class Availability(Body):
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
