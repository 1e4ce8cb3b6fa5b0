"""Webhooks of other systems: signed deliveries become `put`s; what can't is kept for a day."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from rtdash.bookings import OutcomeKind
from rtdash.domain.instants import format_instant
from rtdash.domain.reservations import Op, Operation
from rtdash.imports import MapError, RowError, SourceRow, Undecodable, convert
from rtdash.protocol.messages import encode
from rtdash.protocol.webhook_signatures import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    BadDelivery,
    check_age,
    check_signature,
)
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, require_admin
from rtdash.server.rest.bodies import read_body
from rtdash.server.rest.hook_records import read_records
from rtdash.server.rest.hook_sources import HookMap, HookSources
from rtdash.server.rest.openapi import json_body, problems, reading
from rtdash.server.rest.operation_lists import MAX_OPERATIONS
from rtdash.server.rest.operation_parser import parse_operation
from rtdash.server.rest.problems import Problem
from rtdash.server.rest.responses import JSON, answer
from rtdash.server.services import Services
from rtdash.store import hooks

LIMIT_BYTES = 1024 * 1024
"""The body of a delivery."""
LINES = 100
"""Lines of what was refused of one delivery that are kept."""
LONGEST_LINE = 500
"""Characters of such a line."""

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/hooks", tags=["hooks"])
_HEADERS = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
    for name in (ID, TIMESTAMP, SIGNATURE)
]


@router.post(
    "/{source}",
    status_code=202,
    responses={202: {"model": schemas.HookAnswer}, **problems(400, 401, 404, 413, 422, 429, 503)},
    openapi_extra={
        **json_body({"type": "object", "description": "As the source's map reads it."}),
        "parameters": _HEADERS,
    },
)
async def post_hook(
    request: Request,
    services: PartsDep,
    source: Annotated[str, Path(description="The name of its file in the directory `hooks`.")],
) -> Response:
    """Take a delivery, signed as Standard Webhooks say. It is answered when it is stored; one with
    a `webhook-id` that was taken within a day changes nothing.
    """
    mapping = _find(request, source)
    owner = request.client.host if request.client else ""
    try:
        delivery_id, timestamp = check_age(request.headers, services.clock().timestamp())
        async with read_body(request, LIMIT_BYTES, budget=services.bodies, owner=owner) as body:
            header = " ".join(request.headers.getlist(SIGNATURE))
            check_signature(mapping.secret, header, delivery_id, timestamp, body)
            counts = await _take(services, source, mapping, delivery_id, body)
    except BadDelivery as reason:
        raise Problem("unauthenticated", str(reason)) from None
    return Response(encode(counts), status_code=202, media_type=JSON)


@router.get("", responses=reading(schemas.RefusedHooks))
async def read_hooks(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Deliveries of the last day of which something was refused, latest first; for administrators."""
    require_admin(caller)
    found = await services.database.read(hooks.read_refused)
    shown = [
        {
            "source": one.source,
            "id": one.id,
            "receivedAt": format_instant(one.received_at),
            "problem": one.problem,
            "body": one.body,
        }
        for one in found
    ]
    return answer(request, {"refused": shown})


async def _take(
    services: Services, source: str, mapping: HookMap, delivery_id: str, body: bytes
) -> dict[str, int]:
    """Apply a delivery that is new, and store what was refused of it; the counts."""
    counts = {kind.value: 0 for kind in OutcomeKind}
    if await services.database.read(
        lambda connection: hooks.is_known(connection, source, delivery_id)
    ):
        return counts
    wrong = await _apply(services, mapping, body, counts)
    problem = "\n".join(wrong[:LINES]) or None
    shown = body.decode(errors="replace").replace("\x00", "\ufffd")
    await services.database.write(
        lambda connection: hooks.save(
            connection, source, delivery_id, at=services.clock(), problem=problem, body=shown
        )
    )
    return counts


def _find(request: Request, name: str) -> HookMap:
    sources: HookSources = request.app.state.hook_sources
    try:
        mapping = sources.find(name)
    except MapError as error:
        _log.warning("a hook's file can't be taken: %s", error)
        raise Problem(
            "unavailable", "the file of this source can't be taken; the log says why"
        ) from None
    if mapping is None:
        raise Problem("not_found", "there is no such source of webhooks")
    return mapping


async def _apply(
    services: Services, mapping: HookMap, body: bytes, counts: dict[str, int]
) -> list[str]:
    """Apply what can be taken, count it, and return what is wrong with the rest."""
    operations, wrong = await _read(services, mapping, body)
    for outcome in await services.bookings.apply(operations):
        counts[outcome.result.value] += 1
        services.metrics.operations.add(1, outcome.result.value)
        if outcome.refusal is not None:
            wrong.append(f"{outcome.reservation_id}: {outcome.refusal}")
    counts[OutcomeKind.REFUSED.value] = len(wrong)
    return wrong


async def _read(
    services: Services, mapping: HookMap, body: bytes
) -> tuple[list[Operation], list[str]]:
    """The operations of the records, and what is wrong with the others. A body that can't be read
    to its end has none: its sender may have meant something else.
    """
    operations: list[Operation] = []
    wrong: list[str] = []
    zones = {venue.id: venue.timezone for venue in services.venues.values()}
    number = 0
    try:
        async for rows in read_records(body, mapping, services.decoding_turn):
            for row in rows[: MAX_OPERATIONS - number]:
                made = _operation(services, mapping, row, zones)
                if isinstance(made, Operation):
                    operations.append(made)
                else:
                    wrong.append(made[:LONGEST_LINE])
            number += len(rows)
            if number > MAX_OPERATIONS:
                wrong.append(f"more than {MAX_OPERATIONS} records: send them in several deliveries")
                break
    except Undecodable as error:
        return [], [str(error)]
    return operations, wrong


def _operation(
    services: Services, mapping: HookMap, row: SourceRow | RowError, zones: dict[str, str]
) -> Operation | str:
    """The operation of a record, or what is wrong with it."""
    made = row if isinstance(row, RowError) else convert(row, mapping, zones=zones)
    if isinstance(made, RowError):
        return str(made)
    try:
        return _checked(services, made)
    except Problem as problem:
        return f"record {row.line}: {problem.detail}"


def _checked(services: Services, made: dict[str, Any]) -> Operation:
    venue = services.venues.get(made.get("venue") or "")
    if venue is None or venue.kind.value != made["kind"]:
        raise Problem("invalid", f"there is no {made['kind']} {made.get('venue')!r}: mend the map")
    return parse_operation(made, Op.PUT, venue)
