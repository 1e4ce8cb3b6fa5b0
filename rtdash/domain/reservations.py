"""Reservations: what one is, the operations that change it, and when an operation is refused."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum

from rtdash.domain.venues import VenueKind


class Status(StrEnum):
    """Where a reservation stands; the wire's words."""

    PENDING = "Pending"
    CONFIRMED = "Confirmed"
    CHECKED_IN = "CheckedIn"
    CHECKED_OUT = "CheckedOut"
    SEATED = "Seated"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    NO_SHOW = "NoShow"


class Op(StrEnum):
    """Kind of an operation, in the words of the wire (guide: rest, "Writing")."""

    BOOK = "book"
    CONFIRM = "confirm"
    CHECK_IN = "check_in"
    UNDO_CHECK_IN = "undo_check_in"
    CHECK_OUT = "check_out"
    SEAT = "seat"
    UNDO_SEAT = "undo_seat"
    COMPLETE = "complete"
    CANCEL = "cancel"
    REINSTATE = "reinstate"
    NO_SHOW = "no_show"
    UNDO_NO_SHOW = "undo_no_show"
    AMEND = "amend"
    PAY = "pay"
    CHARGE = "charge"
    REFUND = "refund"
    PUT = "put"


NOT_COMING = frozenset({Status.CANCELLED, Status.NO_SHOW})
"""Statuses that count in no figure but cancellations, and hold no room."""

EXPECTED = frozenset({Status.PENDING, Status.CONFIRMED})
"""Statuses with guests yet to come: such reservations may become upcoming."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A booking of a hotel or a restaurant at one version of it.

    `amount_minor` includes `charged_minor` (the sum of its charges); what is left is the price of
    the stay or of the table.
    `start` is UTC: a hotel's is `check_in` at the venue's check-in time. `changed_at` is the latest
    instant of an operation. `source_version` is that of the system which a `put` mirrors; None
    where no `put` has touched it. `local_start` is the hour that was meant (`domain.local_starts`);
    None where an older version wrote the row, until the server fills it in.
    """

    id: str
    venue_id: str
    kind: VenueKind
    customer_name: str
    customer_email: str | None
    customer_phone: str | None
    guests: int
    status: Status
    source: str
    amount_minor: int
    charged_minor: int
    paid_minor: int
    start: datetime
    business_date: date
    created_at: datetime
    changed_at: datetime
    version: int
    room_type: str | None = None
    check_in: date | None = None
    check_out: date | None = None
    duration_minutes: int | None = None
    source_version: int | None = None
    local_start: str | None = None

    @property
    def balance_minor(self) -> int:
        """Amount that is still to be paid, in minor units."""
        return self.amount_minor - self.paid_minor

    @property
    def price_minor(self) -> int:
        """The stay or the table alone, without charges."""
        return self.amount_minor - self.charged_minor

    @property
    def prepaid(self) -> bool:
        """Paid in full, and there was something to pay."""
        return self.amount_minor > 0 and self.balance_minor <= 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One change, well-formed, its venue resolved. None means: not given.

    `source_version` counts up in the system that a `put` mirrors (an instant as microseconds since
    1970). `if_versions` are the versions of the reservation on which the change may be made (None:
    on any); they are a condition, not content.
    """

    operation_id: str
    op: Op
    venue_id: str
    reservation_id: str | None = None
    at: datetime | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    guests: int | None = None
    source: str | None = None
    amount_minor: int | None = None
    paid_minor: int | None = None
    status: Status | None = None
    room_type: str | None = None
    check_in: date | None = None
    check_out: date | None = None
    start: datetime | None = None
    duration_minutes: int | None = None
    category: str | None = None
    source_version: int | None = None
    if_versions: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """Money spent beside the price of the stay or table, on a business date."""

    category: str
    amount_minor: int
    business_date: date


def local_time_text(start: datetime, zone: tzinfo) -> str:
    """Return the local time on a twelve-hour clock: "7:00 PM"."""
    local = start.astimezone(zone)
    return f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"
