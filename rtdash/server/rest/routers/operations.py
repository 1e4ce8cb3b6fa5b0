"""Many operations in one request: loaded in sets, each with its own outcome."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from rtdash.bookings import Outcome, OutcomeKind
from rtdash.domain.refusals import NotAlone
from rtdash.domain.reservations import Operation
from rtdash.protocol.messages import Message
from rtdash.server.auth.tokens import Principal
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, require_writer
from rtdash.server.rest.bodies import LIST_LIMIT_BYTES, read_body
from rtdash.server.rest.openapi import json_body, writing
from rtdash.server.rest.operation_lists import MAX_OPERATIONS, decode_operations
from rtdash.server.rest.operations import operation_schema
from rtdash.server.rest.problems import Problem
from rtdash.server.rest.responses import JSON
from rtdash.server.rest.writing import apply, listed_operation, outcome_json, refused_json
from rtdash.server.services import Services

OPERATIONS_PATH = "/api/operations"
BREATH = 100
"""Operations read or shown in one turn of the event loop."""

router = APIRouter(tags=["operations"])
_BODY = json_body(
    {
        "type": "array",
        "description": f"At most {MAX_OPERATIONS}; more are a 413.",
        "items": operation_schema(),
    },
    **{
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "One operation a line."}
        }
    },
)


@router.post(OPERATIONS_PATH, responses=writing(200, schemas.Outcomes), openapi_extra=_BODY)
async def post_operations(
    request: Request,
    services: PartsDep,
    caller: Caller,
    atomic: Annotated[
        bool,
        Query(description="All are applied or none; rooms are counted when all are decided."),
    ] = False,
) -> Response:
    """Apply up to 1,000 operations, as a JSON list or as NDJSON; one outcome each, in order. A
    malformed one is refused alone, or, with `atomic`, with all others.
    """
    return await answer_operations(request, services, caller, is_atomic=atomic)


async def answer_operations(
    request: Request, services: Services, caller: Principal, *, is_atomic: bool = False
) -> Response:
    """Return 200 with the outcomes. Raises Problem, StoreUnavailable."""
    require_writer(services.venues, caller)
    async with read_body(
        request, LIST_LIMIT_BYTES, budget=services.bodies, owner=caller.sub
    ) as body:
        values = await decode_operations(body, request.headers.get("content-type", JSON))
    shown: list[Message | None] = [None] * len(values)
    places, operations = await _read(values, shown, services, caller)
    if is_atomic and len(operations) < len(values):
        outcomes = _refuse_all(operations, shown)
    else:
        outcomes = await apply(services, caller, operations, is_atomic=is_atomic)
    for start in range(0, len(places), BREATH):
        some = slice(start, start + BREATH)
        for place, outcome in zip(places[some], outcomes[some], strict=True):
            shown[place] = outcome_json(outcome)
        await asyncio.sleep(0)
    return Response(to_json({"outcomes": shown}), media_type=JSON)


async def _read(
    values: Sequence[Any], shown: list[Message | None], services: Services, caller: Principal
) -> tuple[list[int], list[Operation]]:
    """The operations that can be applied, and their places; the others are refused in `shown`."""
    places, operations = [], []
    for place, value in enumerate(values):
        try:
            operations.append(listed_operation(value, services, caller))
            places.append(place)
        except Problem as reason:
            shown[place] = refused_json(value, reason)
            services.metrics.operations.add(1, OutcomeKind.REFUSED.value)
        if place % BREATH == BREATH - 1:
            await asyncio.sleep(0)
    return places, operations


def _refuse_all(operations: Sequence[Operation], shown: Sequence[Message | None]) -> list[Outcome]:
    """The outcomes of an atomic list in which the operations in `shown` are malformed."""
    first = next(outcome for outcome in shown if outcome is not None)
    reason = NotAlone(first["operationId"])
    return [
        Outcome(one.operation_id, OutcomeKind.REFUSED, one.reservation_id, refusal=reason)
        for one in operations
    ]
