"""What becomes of operations, as their callers are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rtdash.domain.refusals import Refusal
from rtdash.protocol.messages import Message
from rtdash.store.event_log import StoredEvent


class OutcomeKind(StrEnum):
    """The wire's words."""

    APPLIED = "applied"
    REPEATED = "repeated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation. `body` is the reservation's JSON as that operation left it,
    `seq` the number of its event.

    Both belong to what was applied, now or, for a repeat, the first time; a refusal has its reason
    instead.
    """

    operation_id: str
    result: OutcomeKind
    reservation_id: str | None = None
    seq: int | None = None
    body: Message | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction made: one outcome (or the fault that only this operation met) each, in
    order; events; venues changed.
    """

    outcomes: Sequence[Outcome | Exception]
    events: Sequence[StoredEvent]
    venue_ids: frozenset[str]
