"""Types that the models of messages are made of: instants, money, positions, reservations."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rtdash.domain.reservations import Status

Instant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="RFC 3339, UTC, milliseconds",
        json_schema_extra={"format": "date-time"},
    ),
]
Day = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\d$",
        description="A local date",
        json_schema_extra={"format": "date"},
    ),
]
Money = Annotated[int | float, Field(description="Major units of the currency")]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0)]
Trend = Annotated[
    int | None,
    Field(description="Percent against the same local time a week before; null where that was 0"),
]

HotelStatus = Literal[
    Status.PENDING,
    Status.CONFIRMED,
    Status.CHECKED_IN,
    Status.CHECKED_OUT,
    Status.CANCELLED,
    Status.NO_SHOW,
    "Upcoming",
]
RestaurantStatus = Literal[
    Status.PENDING,
    Status.CONFIRMED,
    Status.SEATED,
    Status.COMPLETED,
    Status.CANCELLED,
    Status.NO_SHOW,
    "Upcoming",
]


class Shape(BaseModel):
    """Nothing but the fields named."""

    model_config = ConfigDict(extra="forbid", strict=False, defer_build=True)


class StreamPosition(Shape):
    """Just behind event `seq` in the log that `epoch` names."""

    epoch: str
    seq: Count


class ReservationBase(Shape):
    """Fields that hotels' and restaurants' reservations have in common."""

    id: str
    customerName: str  # noqa: N815
    customerInitials: str  # noqa: N815
    date: Instant
    time: Annotated[str, Field(description='At the venue, as in "7:00 PM"')]
    guests: Annotated[int, Field(ge=1)]
    venue: str
    source: str
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    amount: Money
    paid: Money
    balance: Money
    prepaid: bool
    createdAt: Instant  # noqa: N815
    version: Annotated[int, Field(ge=1)]


class HotelReservation(ReservationBase):
    """A stay; `date` is the check-in date at the venue's check-in time."""

    kind: Literal["hotel"]
    status: HotelStatus
    roomType: str  # noqa: N815
    checkIn: Day  # noqa: N815
    checkOut: Day  # noqa: N815
    nights: Annotated[int, Field(ge=1)]


class RestaurantReservation(ReservationBase):
    """A table."""

    kind: Literal["restaurant"]
    status: RestaurantStatus
    durationMinutes: int | None  # noqa: N815


Reservation = Annotated[HotelReservation | RestaurantReservation, Field(discriminator="kind")]
