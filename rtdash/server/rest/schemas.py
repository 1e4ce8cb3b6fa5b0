"""The bodies of answers, as OpenAPI shows them. Answers are built as plain dicts; the tests hold
them to these models.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from rtdash.protocol import model_types, models

Money = Annotated[float, Field(description="Major units of `currency`.")]
LocalDate = Annotated[str, Field(json_schema_extra={"format": "date"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Kind = Literal["hotel", "restaurant"]
Cursor = Annotated[str | None, Field(description="`cursor` of the next page; null on the last.")]


class Body(BaseModel):
    """A closed object with camelCase fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        defer_build=True,  # most of them only describe answers: a start needs none
    )


class Problem(BaseModel):
    """RFC 9457. Further members give the facts."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: Annotated[str, Field(examples=["urn:rtdash:problem:no_availability"])]
    title: str
    status: int
    detail: str


class DashboardStats(Body):
    """`timestamp` is when the figures last changed."""

    venue: str
    currency: str
    business_date: LocalDate
    timestamp: Instant
    stats: models.Stats


class Reservation(RootModel[model_types.Reservation]):
    """A stay or a table, by `kind`; the requirements' seven fields first."""


OF_KIND: dict[str, type[BaseModel]] = {
    "hotel": model_types.HotelReservation,
    "restaurant": model_types.RestaurantReservation,
}
"""The reservations of each kind of venue."""


class Reservations(Body):
    """A page, by start and id. Subscribing from `positions` leaves no gap."""

    reservations: list[Reservation]
    next: Cursor
    positions: dict[str, model_types.StreamPosition]


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
    """Outcome of an operation."""

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
    """Messages as on the socket. `position` is behind the last of them; `reset` says why the
    history was not followed.
    """

    events: list[models.ChannelMessage]
    position: model_types.StreamPosition | None
    recovered: bool | None
    reset: models.Reset | None = None


class Health(Body):
    """`problems` names what is wrong."""

    status: Literal["ok", "degraded", "unavailable"]
    problems: list[str]


class HookAnswer(Body):
    """Outcome of a delivery's records; what was refused is kept for a day."""

    applied: int
    repeated: int
    refused: int


class RefusedHook(Body):
    """A delivery of which something was refused; `problem` has a line for each."""

    source: str
    id: str
    received_at: Instant
    problem: str
    body: str


class Webhook(Body):
    """A webhook out. `lagEvents` and `lagSeconds`: what its receiver doesn't have yet, and the age
    of the oldest of that; `failures` counts attempts since the last delivery; `heldSeq` is the
    event that its receiver doesn't take, and for which the later ones wait; `heldByReset`: it
    doesn't take that the log was replaced.
    """

    id: str
    url: str
    channel: str
    venue: str
    created_at: Instant
    position: model_types.StreamPosition
    lag_events: int
    lag_seconds: float
    delivered_at: Instant | None
    failure: str | None
    failed_at: Instant | None
    failures: int
    held_seq: int | None
    held_by_reset: bool
    disabled_at: Instant | None
    skipped_events: int
    skipped_at: Instant | None


class NewWebhook(Webhook):
    """The only answer with the secret."""

    secret: str


class Webhooks(Body):
    """In the order in which they were added."""

    webhooks: list[Webhook]


class RefusedHooks(Body):
    """Latest first."""

    refused: list[RefusedHook]
