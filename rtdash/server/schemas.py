"""The bodies of answers, as OpenAPI shows them. Answers are built as plain dicts; the tests hold them to these models."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Money = Annotated[float, Field(description="Major units of `currency`.")]
LocalDate = Annotated[str, Field(json_schema_extra={"format": "date"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Kind = Literal["hotel", "restaurant"]
Cursor = Annotated[str | None, Field(description="`cursor` of the next page; null on the last.")]


class Body(BaseModel):
    """A closed object with camelCase fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Problem(BaseModel):
    """RFC 9457. Further members give the facts."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:rtdash:problem:no_availability"])]
    title: str
    status: int
    detail: str


class Stats(Body):
    """The document's eight fields; a trend is null when there is nothing to compare with."""

    reservations_today: int
    prepaid_reservations: int
    expected_guests: int
    pending_payments: Money
    pending_payments_trend: int | None
    reservations_trend: int | None
    prepaid_trend: int | None
    guests_trend: int | None


class DashboardStats(Body):
    """`timestamp` is when the figures last changed."""

    venue: str
    currency: str
    business_date: LocalDate
    timestamp: Instant
    stats: Stats


class TrendPoint(Body):
    """One business date."""

    date: LocalDate
    reservations: int
    guests: int
    cancellations: int
    revenue: Money


class Period(Body):
    """The business dates that a report is about, both included."""

    period: Literal["weekly", "monthly"]
    from_: Annotated[LocalDate, Field(alias="from")]
    to: LocalDate


class Trends(Period):
    """A point for each business date."""

    venue: str
    currency: str
    points: list[TrendPoint]


class Segment(Body):
    """Customers by their number of visits; `share` in percent."""

    visits: Literal["1", "2", "3-5", "6+"]
    customers: int
    share: float


class Frequency(Period):
    """Customers with a visit in the period."""

    new_customers: int
    returning_customers: int
    repeat_rate: float
    segments: list[Segment]


class CategoryRevenue(Body):
    """`share` in percent."""

    category: str
    revenue: Money
    share: float


class Revenue(Period):
    """Revenue by category."""

    currency: str
    total: Money
    categories: list[CategoryRevenue]


class SourceShare(Body):
    """`share` in percent."""

    source: str
    reservations: int
    share: float


class Sources(Period):
    """Reservations by source."""

    total: int
    sources: list[SourceShare]


class Reservation(Body):
    """The document's seven fields first. Hotels also have `roomType, checkIn, checkOut, nights`, restaurants `durationMinutes`."""

    id: str
    customer_name: str
    customer_initials: str
    date: Annotated[Instant, Field(description="Start, UTC.")]
    time: Annotated[str, Field(description="Local time.", examples=["7:00 PM"])]
    guests: int
    status: Literal["Pending", "Confirmed", "CheckedIn", "CheckedOut", "Seated", "Completed", "Cancelled", "NoShow"]
    venue: str
    kind: Kind
    source: str
    currency: str
    amount: Money
    paid: Money
    balance: Money
    prepaid: bool
    created_at: Instant
    version: int
    room_type: str | None = None
    check_in: LocalDate | None = None
    check_out: LocalDate | None = None
    nights: int | None = None
    duration_minutes: int | None = None


class Position(Body):
    """Just behind event `seq` in the log that `epoch` names."""

    epoch: str
    seq: int


class Reservations(Body):
    """A page, by start and id. Subscribing from `positions` leaves no gap."""

    reservations: list[Reservation]
    next: Cursor
    positions: dict[str, Position]


class TodaysReservations(Body):
    """A page of those that start on the business date and are neither Cancelled nor NoShow; `total` counts all pages."""

    venue: str
    business_date: LocalDate
    total: int
    reservations: list[Reservation]
    next: Cursor


class UpcomingReservations(Body):
    """A page, soonest first."""

    reservations: list[Reservation]
    next: Cursor


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


class Outcome(Body):
    """What became of an operation."""

    operation_id: str | None
    outcome: Literal["applied", "repeated", "refused"]
    reservation_id: str | None = None
    seq: int | None = None
    reservation: Reservation | None = None
    problem: Problem | None = None


class Outcomes(Body):
    """One outcome an operation, in their order."""

    outcomes: list[Outcome]


class ChannelEvents(Body):
    """Messages as on the socket. `position` is behind the last of them; `reset` tells why the history was not followed."""

    events: list[dict[str, object]]
    position: Position | None
    recovered: bool | None
    reset: dict[str, object] | None = None


class Health(Body):
    """`problems` names what is wrong."""

    status: Literal["ok", "degraded", "unavailable"]
    problems: list[str]
