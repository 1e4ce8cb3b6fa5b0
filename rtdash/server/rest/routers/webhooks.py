"""Webhooks out: adding, removing and looking at them, for administrators."""

import logging
import secrets
from base64 import b64encode
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain.instants import format_instant
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.messages import encode, position_json
from rtdash.protocol.webhook_signatures import SECRET_PREFIX, parse_secret
from rtdash.server.logs import facts
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, choose_venue, require_admin
from rtdash.server.rest.bodies import SINGLE_LIMIT_BYTES, decode_json, read_body
from rtdash.server.rest.openapi import json_body, problems, reading, writing
from rtdash.server.rest.problems import Problem, invalid
from rtdash.server.rest.responses import JSON, answer
from rtdash.server.services import Services
from rtdash.store import webhook_skips, webhooks
from rtdash.store.webhooks import Webhook, WebhookRefused

SECRET_BYTES = 32

_log = logging.getLogger(__name__)
_CHANNELS = [channel.value for channel in Channel if not channel.is_state]
_TEXT = {"type": "string", "minLength": 1}
_FIELDS = {
    "url": {**_TEXT, "description": "Where events are posted to."},
    "channel": {**_TEXT, "enum": _CHANNELS},
    "venue": {**_TEXT, "description": "Default: the token's first of that kind."},
    "secret": {**_TEXT, "description": "`whsec_…`; made where it is left out."},
}

WebhookId = Annotated[str, Path(max_length=64, description="The id of a webhook.")]

router = APIRouter(prefix="/api/admin/webhooks", tags=["admin"])


@router.get("", responses=reading(schemas.Webhooks))
async def read_webhooks(request: Request, services: PartsDep, caller: Caller) -> Response:
    """List the webhooks out, with what their receivers lack and why."""
    require_admin(caller)
    found = await services.database.read(webhooks.read_all)
    return answer(request, {"webhooks": [_show(one, services) for one in found]})


@router.post(
    "",
    status_code=201,
    responses=writing(201, schemas.NewWebhook),
    openapi_extra=json_body(
        {
            "type": "object",
            "properties": _FIELDS,
            "required": ["url", "channel"],
            "additionalProperties": False,
        }
    ),
)
async def post_webhook(request: Request, services: PartsDep, caller: Caller) -> Response:
    """Add a webhook: the events of a stream from now on. Its secret is in this answer only."""
    require_admin(caller)
    async with read_body(
        request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=caller.sub
    ) as body:
        given = _read_fields(decode_json(body))
    channel = _read_channel(given["channel"])
    venue = choose_venue(services.venues, caller, given.get("venue"), kind=channel.kind)
    secret = _read_secret(given.get("secret"))
    try:
        url = await services.webhooks.check(given["url"])
    except ValueError as error:
        raise invalid([("url", str(error))]) from None
    add = partial(webhooks.add, secret=secret, at=services.clock())
    webhook_id, stream = f"wh_{secrets.token_hex(8)}", Stream(venue.id, channel)
    try:
        added = await services.database.write(lambda conn: add(conn, webhook_id, url, stream))
    except WebhookRefused as refused:
        raise invalid([("url", str(refused))]) from None
    services.webhooks.refresh()
    _log.info("a webhook was added", extra=facts(webhook=webhook_id, by=caller.sub))
    shown = {**_show(added, services), "secret": secret}
    return Response(encode(shown), status_code=201, media_type=JSON)


@router.post(
    "/{webhook}/skip",
    responses={
        200: {"model": schemas.Webhook, "description": "As it is from now on"},
        **problems(400, 401, 403, 404, 413, 422, 429, 503),
    },
    openapi_extra=json_body(
        {
            "type": "object",
            "properties": {
                "seq": {"type": "integer", "minimum": 1},
                "reset": {"const": True, "description": "Instead: that the log was replaced."},
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        }
    ),
)
async def post_skip(
    request: Request, services: PartsDep, caller: Caller, webhook: WebhookId
) -> Response:
    """Step over events that a receiver refuses, up to the one with this `seq`, or over a `reset`.
    It doesn't get them any more; asking again for a `seq` changes nothing.
    """
    require_admin(caller)
    async with read_body(
        request, SINGLE_LIMIT_BYTES, budget=services.bodies, owner=caller.sub
    ) as body:
        seq = _read_seq(decode_json(body))
    skip = partial(webhook_skips.skip, seq=seq, at=services.clock())
    try:
        found = await services.database.write(lambda conn: skip(conn, _known(webhook)))
    except WebhookRefused as refused:
        raise invalid([("reset" if seq is None else "seq", str(refused))]) from None
    if found is None:
        raise _no_such_webhook()
    shown, number = found
    named = facts(webhook=webhook, by=caller.sub)
    if seq is None:
        _log.warning("a reset of a webhook was skipped", extra=named)
    elif number:
        named |= facts(first=seq - number + 1, last=seq)
        _log.warning("events of a webhook were skipped", extra=named)
    services.webhooks.refresh()
    return Response(encode(_show(shown, services)), media_type=JSON)


@router.delete(
    "/{webhook}",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "Removed"}, **problems(401, 403, 404, 422, 429, 503)},
)
async def delete_webhook(services: PartsDep, caller: Caller, webhook: WebhookId) -> Response:
    """Remove a webhook. What its receiver doesn't have yet isn't sent any more."""
    require_admin(caller)
    if not await services.database.write(lambda conn: webhooks.remove(conn, _known(webhook))):
        raise _no_such_webhook()
    services.webhooks.refresh()
    _log.info("a webhook was removed", extra=facts(webhook=webhook, by=caller.sub))
    return Response(status_code=204)


def _known(webhook: str) -> str:
    """Return the id. Raises Problem (404) for one with a zero byte, which no store takes."""
    if "\x00" in webhook:
        raise _no_such_webhook()
    return webhook


def _no_such_webhook() -> Problem:
    return Problem("not_found", "there is no such webhook: `rtdash hooks list` lists them")


def _read_seq(body: Any) -> int | None:
    """Return the seq of a body, None for a reset. Raises Problem (422)."""
    if isinstance(body, dict) and len(body) == 1:
        if body.get("reset") is True:
            return None
        seq = body.get("seq")
        if isinstance(seq, int) and not isinstance(seq, bool) and 0 < seq < 2**53:
            return seq
    raise invalid([("seq", "give it alone: the last event to skip, from 1 on; or reset: true")])


def _read_fields(body: Any) -> dict[str, str]:
    """Return the fields of a body. Raises Problem (422)."""
    if not isinstance(body, dict):
        raise invalid([("body", "must be an object with url and channel")])
    wrong = [(name, "is no field of a webhook") for name in body if name not in _FIELDS]
    wrong += [(name, "give it") for name in ("url", "channel") if name not in body]
    wrong += [
        (name, "must be a text")
        for name, value in body.items()
        if name in _FIELDS and not (isinstance(value, str) and value and "\x00" not in value)
    ]
    if wrong:
        raise invalid(wrong)
    return body


def _read_channel(name: str) -> Channel:
    if name not in _CHANNELS:
        raise invalid([("channel", f"must be one with events: {', '.join(_CHANNELS)}")])
    return Channel(name)


def _read_secret(text: str | None) -> str:
    if text is None:
        return SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    try:
        parse_secret(text)
    except ValueError as error:
        raise invalid([("secret", f"{error}; `rtdash hooks secret` prints one")]) from None
    return text


def _show(webhook: Webhook, services: Services) -> dict[str, Any]:
    now = services.clock()
    since = webhook.waiting_since
    return {
        "id": webhook.id,
        "url": webhook.url,
        "channel": webhook.stream.channel.value,
        "venue": webhook.stream.venue,
        "createdAt": format_instant(webhook.created_at),
        "position": position_json(webhook.position),
        "lagEvents": webhook.lag_events,
        "lagSeconds": 0 if since is None else max(0.0, round((now - since).total_seconds(), 1)),
        "deliveredAt": webhook.delivered_at and format_instant(webhook.delivered_at),
        "failure": webhook.failure,
        "failedAt": webhook.failed_at and format_instant(webhook.failed_at),
        "failures": webhook.failures,
        "heldSeq": webhook.held_seq,
        "heldByReset": webhook.is_held_by_reset,
        "disabledAt": webhook.disabled_at and format_instant(webhook.disabled_at),
        "skippedEvents": webhook.skipped,
        "skippedAt": webhook.skipped_at and format_instant(webhook.skipped_at),
    }
