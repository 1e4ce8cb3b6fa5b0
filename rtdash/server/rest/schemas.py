"""The bodies of answers, as OpenAPI shows them. Answers are built as plain dicts; the tests hold
them to these models.
"""

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


class Reservation(Body):
    """The document's seven fields first. Hotels also have `roomType, checkIn, checkOut, nights`,
    restaurants `durationMinutes`.
    """

    id: str
    customer_name: str
    customer_initials: str
    date: Annotated[Instant, Field(description="Start, UTC.")]
    time: Annotated[str, Field(description="Local time.", examples=["7:00 PM"])]
    guests: int
    status: Literal[
        "Pending",
        "Confirmed",
        "CheckedIn",
        "CheckedOut",
        "Seated",
        "Completed",
        "Cancelled",
        "NoShow",
    ]
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
    """A page of those that start on the business date and are neither Cancelled nor NoShow; `total`
    counts all pages.
    """

    venue: str
    business_date: LocalDate
    total: int
    reservations: list[Reservation]
    next: Cursor


class UpcomingReservations(Body):
    """A page, soonest first."""

    reservations: list[Reservation]
    next: Cursor


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
    """Messages as on the socket. `position` is behind the last of them; `reset` tells why the
    history was not followed.
    """

    events: list[dict[str, object]]
    position: Position | None
    recovered: bool | None
    reset: dict[str, object] | None = None


class Health(Body):
    """`problems` names what is wrong."""

    status: Literal["ok", "degraded", "unavailable"]
    problems: list[str]
