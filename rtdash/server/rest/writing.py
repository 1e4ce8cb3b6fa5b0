"""Path from a request's body to outcomes: the right is checked, the body read and applied, and the
write remembered as the caller's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rtdash.bookings import Outcome, OutcomeKind
from rtdash.domain.refusals import Refusal
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venues import Venue
from rtdash.protocol.messages import Message
from rtdash.server.auth.tokens import Principal
from rtdash.server.rest.access import choose_venue, require_admin
from rtdash.server.rest.operation_parser import (
    expect_object,
    parse_kind,
    parse_op,
    parse_operation,
    parse_venue_id,
)
from rtdash.server.rest.problems import Problem, problem_of
from rtdash.server.services import Services


def permitted_operation(
    body: Mapping[str, Any],
    op: Op,
    venue: Venue,
    caller: Principal,
    *,
    operation_id: str | None = None,
) -> Operation:
    """Read an operation as `parse_operation` does, for a caller that may write to the venue; `at`
    needs the scope admin. Raises Problem.
    """
    operation = parse_operation(body, op, venue, operation_id=operation_id)
    if operation.at is not None:
        require_admin(caller)
    return operation


def listed_operation(value: Any, services: Services, caller: Principal) -> Operation:
    """Return an operation of a list, which names its kind and perhaps its venue. Raises Problem."""
    body = expect_object(value)
    kind = parse_kind(body)
    venue = choose_venue(services.venues, caller, parse_venue_id(body), kind=kind, right="write")
    return permitted_operation(body, parse_op(body, kind), venue, caller)


async def apply(
    services: Services,
    caller: Principal,
    operations: Sequence[Operation],
    *,
    is_atomic: bool = False,
) -> list[Outcome]:
    """Return the outcomes, counted; what was written is remembered as the caller's. Raises
    StoreUnavailable.
    """
    outcomes = await services.bookings.apply(operations, is_atomic=is_atomic)
    for venue_id in {operation.venue_id for operation in operations}:
        services.read_your_writes.note(
            caller.sub, venue_id, services.dashboard.change_count(venue_id)
        )
    for outcome in outcomes:
        services.metrics.operations.add(1, outcome.result.value)
    return outcomes


async def apply_one(services: Services, caller: Principal, operation: Operation) -> Message:
    """Return the reservation as the operation left it, now or, for a repeat, the first time. Raises
    Refusal, StoreUnavailable.
    """
    outcome = (await apply(services, caller, [operation]))[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    assert outcome.body is not None, "what was applied has its reservation"
    return outcome.body


def outcome_json(outcome: Outcome) -> Message:
    """Return an outcome as `POST /api/operations` shows it."""
    shown: Message = {"operationId": outcome.operation_id, "outcome": outcome.result.value}
    if outcome.reservation_id is not None:
        shown["reservationId"] = outcome.reservation_id
    if outcome.refusal is not None:
        return shown | {"problem": problem_of(outcome.refusal).body()}
    if outcome.seq is not None:
        shown["seq"] = outcome.seq
    return shown | {"reservation": outcome.body}


def refused_json(value: Any, reason: Problem | Refusal) -> Message:
    """Return the outcome of an operation that was never applied, because it is malformed or not the
    caller's to ask for.
    """
    operation_id = value.get("operationId") if isinstance(value, dict) else None
    shown_id = operation_id if isinstance(operation_id, str) else None
    return {
        "operationId": shown_id,
        "outcome": OutcomeKind.REFUSED.value,
        "problem": problem_of(reason).body(),
    }
