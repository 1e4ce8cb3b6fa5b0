"""Changes and outcomes: what becomes of operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rtdash.domain.operations import Decision
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import Operation
from rtdash.protocol.messages import Message
from rtdash.store.announcements import Announcement
from rtdash.store.batch import Stored
from rtdash.store.event_log import NewEvent, StoredEvent


class OutcomeKind(StrEnum):
    """Kinds of outcomes, by the words of the protocol."""

    APPLIED = "applied"
    REPEATED = "repeated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one operation. `body` is the reservation's JSON as that operation left it, `seq`
    the number of its event.

    Both belong to what was applied, now or, for a repeat, the first time; a refusal has its reason
    instead. A `put` of a known version has the reservation as it is, and no `seq`.
    """

    operation_id: str
    result: OutcomeKind
    reservation_id: str | None = None
    seq: int | None = None
    body: Message | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class Change:
    """An operation that was applied, its reservation as shown, and its events; the reservation's
    own comes first.
    """

    operation: Operation
    digest: str
    before: Stored | None
    decision: Decision
    body: Message
    events: list[NewEvent]
    upcoming: Announcement | None = None
    seq: int = 0


Step = Outcome | tuple[OutcomeKind, Change]
"""An operation as decided: what is applied gets its outcome when the log has numbered it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Result of a transaction: for each operation, in order, its outcome or the fault that it alone
    met; the events; the venues that have changed.
    """

    outcomes: Sequence[Outcome | Exception]
    events: Sequence[StoredEvent]
    venue_ids: frozenset[str]
