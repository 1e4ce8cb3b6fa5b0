"""Models of actions and their answers, for AsyncAPI and the tests. The server reads in `actions`
and writes in `answers`.
"""

from typing import Annotated, Literal

from pydantic import Field

from rtdash.protocol.channels import Channel
from rtdash.protocol.codes import ErrorCode
from rtdash.protocol.model_types import Count, Instant, Shape, StreamPosition

Id = Annotated[str | int | float, Field(description="Echoed in the answer")]


class Answer(Shape):
    """Fields that every answer may carry."""

    id: Id | None = None


class Covered(Answer):
    """Fields of an answer about channels; `positions` are just before the first event that follows."""

    channels: list[Channel]
    venues: dict[Channel, str]
    session: str
    positions: dict[Channel, StreamPosition]
    recovered: dict[Channel, bool]


class Subscribed(Covered):
    """To `subscribe`."""

    status: Literal["subscribed"]


class Resumed(Covered):
    """To `resume`, one a venue; `venue` is null where the session follows nothing."""

    status: Literal["resumed"]
    venue: str | None


class Unsubscribed(Answer):
    """To `unsubscribe`."""

    status: Literal["unsubscribed"]
    channels: list[Channel]


class Authenticated(Answer):
    """To `authenticate`."""

    status: Literal["authenticated"]
    expiresAt: Instant  # noqa: N815


class Pong(Answer):
    """To `ping`."""

    status: Literal["pong"]
    timestamp: Instant


class Error(Answer):
    """To what was refused; `message` says how to mend it."""

    status: Literal["error"]
    code: ErrorCode
    message: str
    action: str | None
    channels: list[str] | None = None
    temporary: bool
    retryAfterMs: Count | None = None  # noqa: N815


class Asked(Answer):
    """Fields that every action may carry."""


class Subscribe(Asked):
    """Follow channels, from the head or from `positions`; `batch` is a window in ms."""

    action: Literal["subscribe"]
    channels: Annotated[list[Channel], Field(min_length=1)]
    venue: str | None = None
    positions: dict[Channel, StreamPosition] | None = None
    batch: Annotated[int, Field(ge=1, le=1000)] | None = None


class Unsubscribe(Asked):
    """Follow channels no longer."""

    action: Literal["unsubscribe"]
    channels: Annotated[list[Channel], Field(min_length=1)]
    venue: str | None = None


class Resume(Asked):
    """Take a session over; `positions` by venue go before those that the server has confirmed."""

    action: Literal["resume"]
    session: str
    positions: dict[str, dict[Channel, StreamPosition]] | None = None


class Authenticate(Asked):
    """Go on with another token of the same user."""

    action: Literal["authenticate"]
    token: str


class Ping(Asked):
    """Ask for a sign of life."""

    action: Literal["ping"]


ANSWERS: dict[type[Shape], type[Shape]] = {
    Subscribe: Subscribed,
    Unsubscribe: Unsubscribed,
    Resume: Resumed,
    Authenticate: Authenticated,
    Ping: Pong,
}
"""Each action and its answer; `Error` answers any of them."""
