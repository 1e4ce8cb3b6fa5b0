"""Models of the server's messages, field for field: AsyncAPI is generated from them, golden
messages are held to them.

The server builds its messages in `messages`; nothing is validated with these on the way.
"""

from typing import Annotated, Literal

from pydantic import Field

from rtdash.domain.reservations import Op
from rtdash.protocol.channels import Channel
from rtdash.protocol.model_types import (
    Count,
    Day,
    Instant,
    Money,
    Percent,
    Reservation,
    Shape,
    StreamPosition,
    Trend,
)

ReservationsChannel = Literal[Channel.HOTEL_RESERVATIONS, Channel.RESTAURANT_RESERVATIONS]
NotificationsChannel = Literal[Channel.HOTEL_NOTIFICATIONS, Channel.RESTAURANT_NOTIFICATIONS]
StatsChannel = Literal[Channel.HOTEL_STATS, Channel.RESTAURANT_STATS]


class Stats(Shape):
    """The dashboard's figures of one business date."""

    reservationsToday: Count  # noqa: N815
    prepaidReservations: Count  # noqa: N815
    expectedGuests: Count  # noqa: N815
    pendingPayments: Money  # noqa: N815
    pendingPaymentsTrend: Trend  # noqa: N815
    reservationsTrend: Trend  # noqa: N815
    prepaidTrend: Trend  # noqa: N815
    guestsTrend: Trend  # noqa: N815


class Availability(Shape):
    """Tonight's rooms."""

    totalRooms: Count  # noqa: N815
    availableRooms: int  # noqa: N815
    occupancyRate: Percent  # noqa: N815


class Timed(Shape):
    """A message of the server. `timestamp` is when it was appended or computed."""

    timestamp: Instant


class Event(Timed):
    """An event of the log. `operationId` is null where time brought it about; `at` is there where
    an operation lies in the past.
    """

    venue: str
    seq: Annotated[int, Field(ge=1)]
    operationId: str | None  # noqa: N815
    at: Instant | None = None


class StatsUpdate(Timed):
    """State: the latest one counts."""

    type: Literal["stats_update"]
    stats: Stats
    channel: StatsChannel
    venue: str
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    businessDate: Day  # noqa: N815


class RoomAvailabilityUpdate(Timed):
    """State of hotels: the latest one counts."""

    type: Literal["room_availability_update"]
    availability: Availability
    channel: Literal[Channel.HOTEL_STATS]
    venue: str
    businessDate: Day  # noqa: N815


class NewReservation(Event):
    """A booking."""

    type: Literal["new_reservation"]
    reservation: Reservation
    channel: ReservationsChannel


class ReservationUpdate(Event):
    """Any later change. A reservation of a lower `version` never overwrites one of a higher."""

    type: Literal["reservation_update"]
    reservation: Reservation
    change: Op
    channel: ReservationsChannel


class UpcomingReservation(Event):
    """Reservation with guests expected within the venue's lead; announced once."""

    type: Literal["upcoming_reservation"]
    reservation: Reservation
    channel: NotificationsChannel


class Notification(Event):
    """Something that staff should know of."""

    type: Literal["notification"]
    level: Literal["info", "warning", "critical"]
    title: str
    body: str
    reservationId: str | None = None  # noqa: N815
    channel: NotificationsChannel


class Reset(Timed):
    """The history before `position` is gone: reload by REST and go on from there."""

    type: Literal["reset"]
    channel: Channel
    venue: str
    position: StreamPosition
    reason: Literal["history_gone", "epoch_changed", "beyond_head"]


class TokenExpiring(Timed):
    """Send `authenticate` with a new token before `expiresAt`."""

    type: Literal["token_expiring"]
    expiresAt: Instant  # noqa: N815


class Disconnect(Timed):
    """The close that follows, and how to come back: after `retryAfterMs` plus a random part of
    `jitterMs`.
    """

    type: Literal["disconnect"]
    code: Annotated[int, Field(ge=1000, le=4999)]
    reason: str
    reconnect: bool
    retryAfterMs: Count  # noqa: N815
    jitterMs: Count  # noqa: N815


ChannelMessage = Annotated[
    StatsUpdate
    | RoomAvailabilityUpdate
    | NewReservation
    | ReservationUpdate
    | UpcomingReservation
    | Notification
    | Reset,
    Field(discriminator="type"),
]


class Batch(Shape):
    """Messages that came within the window that the connection asked for; at most 64 KiB."""

    type: Literal["batch"]
    timestamp: Instant | None = None
    messages: list[ChannelMessage]


CHANNEL_MESSAGES: tuple[type[Shape], ...] = (
    StatsUpdate,
    RoomAvailabilityUpdate,
    NewReservation,
    ReservationUpdate,
    UpcomingReservation,
    Notification,
    Reset,
)
CONNECTION_MESSAGES: tuple[type[Shape], ...] = (TokenExpiring, Disconnect, Batch)
