"""Refusals: the rules of the domain that an operation can break, each with its facts and a text
that says how to mend it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from rtdash.domain.instants import format_instant


class Refusal(Exception):  # noqa: N818
    """An operation that is not done. `code` is stable; the facts are attributes of the subclasses,
    and `text` is a template of them.
    """

    code: ClassVar[str]
    text: ClassVar[str]

    def __str__(self) -> str:
        return self.text.format_map(
            {name: self.show(name, fact) for name, fact in vars(self).items()}
        )

    def show(self, name: str, fact: Any) -> Any:  # noqa: ARG002
        """Return a fact as its text shows it: instants as on the wire, choices with commas."""
        if isinstance(fact, datetime):
            return format_instant(fact)
        return fact if isinstance(fact, str) or not isinstance(fact, Sequence) else ", ".join(fact)


@dataclass(eq=False)
class ReservationExists(Refusal):
    """A booking names an id that the venue has already."""

    code = "reservation_exists"
    text = (
        "there is already a reservation {reservation_id!r}: choose another reservationId,"
        " or leave it out"
    )
    reservation_id: str


@dataclass(eq=False)
class ReservationNotFound(Refusal):
    """An operation names a reservation that the venue doesn't have."""

    code = "reservation_not_found"
    reservation_id: str | None

    def __str__(self) -> str:
        if self.reservation_id is None:
            return "the operation names no reservation: give its reservationId"
        return f"the venue has no reservation {self.reservation_id!r}: check the id and the venue"


@dataclass(eq=False)
class InvalidTransition(Refusal):
    """The operation can't follow the status that the reservation has."""

    code = "invalid_transition"
    op: str
    status_now: str
    allowed_from: Sequence[str]

    def __str__(self) -> str:
        return (
            f"{self.op} needs a reservation that is {' or '.join(self.allowed_from)}; this one is"
            f" {self.status_now}"
        )


@dataclass(eq=False)
class NotAmendable(Refusal):
    """`amend` on a reservation that is past it."""

    code = "not_amendable"
    op: str
    status_now: str

    def __str__(self) -> str:
        mend = {"Cancelled": ": reinstate it first", "NoShow": ": undo_no_show first"}.get(
            self.status_now, ""
        )
        return f"{self.op} is not possible on a reservation that is {self.status_now}{mend}"


@dataclass(eq=False)
class VersionChanged(Refusal):
    """The reservation has changed since the version on which the change was to be made."""

    code = "version_changed"
    text = (
        "the reservation has changed and is at version {version_now} now: read it again, and repeat"
        " the change if it still makes sense"
    )
    version_now: int


@dataclass(eq=False)
class NotAlone(Refusal):
    """An operation of an atomic list of which another one was refused."""

    code = "not_applied"
    refused_id: str | None

    def __str__(self) -> str:
        return (
            "nothing of the list was applied, since another of its operations was refused"
            + (f" ({self.refused_id!r})" if self.refused_id else "")
            + ": mend that one and send the list again"
        )


@dataclass(eq=False)
class InstantGoesBack(Refusal):
    """`at` lies before the last change of the reservation."""

    code = "instant_goes_back"
    text = (
        "the reservation was last changed at {changed_at}, and its"
        " instants never go back: at {at} is too early"
    )
    at: datetime
    changed_at: datetime


@dataclass(eq=False)
class InstantInFuture(Refusal):
    """`at` has not come yet."""

    code = "instant_in_future"
    text = (
        "at {at} has not come yet (it is {now}):"
        " `at` is an instant of the past; leave it out for now"
    )
    at: datetime
    now: datetime


@dataclass(eq=False)
class UnknownCategory(Refusal):
    """The restaurant's menu has no such category."""

    code = "unknown_category"
    text = "the menu has no category {category!r}: choose one of {known}"
    category: str
    known: Sequence[str]


@dataclass(eq=False)
class WrongKind(Refusal):
    """An operation of the other kind of venue."""

    code = "wrong_kind"
    text = "{op} is not for a {kind}: use the operations of its own lifecycle"
    op: str
    kind: str


@dataclass(eq=False)
class MissingField(Refusal):
    """An operation without a field that it needs; `field` is the wire's name."""

    code = "missing_field"
    text = "{op} needs {field}"
    op: str
    field: str


@dataclass(eq=False)
class BadValue(Refusal):
    """A field with a value that it can't have; `field` is the wire's name, `problem` says what it
    must be.
    """

    code = "bad_value"
    text = "{field} {problem}"
    field: str
    problem: str


@dataclass(eq=False)
class OperationIdReused(Refusal):
    """An operationId (or Idempotency-Key) that stands for another content already."""

    code = "operation_id_reused"
    text = (
        "operationId {operation_id!r} was applied with other content before: a new"
        " operation needs a new id"
    )
    operation_id: str


@dataclass(eq=False)
class VenueArchived(Refusal):
    """An operation at a venue that was taken out of service."""

    code = "venue_archived"
    text = (
        "the venue {venue_id!r} is out of service: its history can be read, and nothing"
        " booked (rtdash venues import of its file takes it back into service)"
    )
    venue_id: str
