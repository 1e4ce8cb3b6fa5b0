"""Many operations in one request: loaded in sets, each with its own outcome."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

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
from rtdash.server.rest.operation_parser import operation_schema
from rtdash.server.rest.problems import Problem
from rtdash.server.rest.responses import JSON
from rtdash.server.rest.writing import apply, listed_operation, outcome_json, refused_json
from rtdash.server.services import Services

OPERATIONS_PATH = "/api/operations"
BREATH = 100
"""Outcomes shown in one turn of the event loop."""

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
        content_type = request.headers.get("content-type", JSON)
        shown, places, operations = await _read(body, content_type, services, caller)
    if is_atomic and len(operations) < len(shown):
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
    body: bytes, content_type: str, services: Services, caller: Principal
) -> tuple[list[Message | None], list[int], list[Operation]]:
    """The outcomes of those that are refused at once, None for others; the places of the others,
    and their operations. What was decoded is dropped step by step: it may be many times its text.
    """
    shown: list[Message | None] = []
    places, operations = [], []
    async for values in decode_operations(body, content_type, services.decoding_turn):
        for value in values:
            try:
                operations.append(listed_operation(value, services, caller))
                places.append(len(shown))
                shown.append(None)
            except Problem as reason:
                shown.append(refused_json(value, reason))
    if refused := len(shown) - len(places):
        services.metrics.operations.add(refused, OutcomeKind.REFUSED.value)
    return shown, places, operations


def _refuse_all(operations: Sequence[Operation], shown: Sequence[Message | None]) -> list[Outcome]:
    """The outcomes of an atomic list in which the operations in `shown` are malformed."""
    first = next(outcome for outcome in shown if outcome is not None)
    reason = NotAlone(first["operationId"])
    return [
        Outcome(one.operation_id, OutcomeKind.REFUSED, one.reservation_id, refusal=reason)
        for one in operations
    ]
