"""Channels by REST: the same messages and positions as on the socket, for clients that can't open
one.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.messages import encode, position_json, reset_message
from rtdash.relay.sequencer import BEYOND_HEAD, HISTORY_GONE, NEW_EPOCH
from rtdash.server.rest import schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import DEFAULT_LIMIT, MAX_LIMIT
from rtdash.server.rest.responses import answer
from rtdash.server.services import Services
from rtdash.store import event_log
from rtdash.store.database import Connection
from rtdash.store.event_log import StoredEvent

LAST_SEQ = 2**53
"""The largest integer that JSON carries exactly everywhere."""

ChannelPath = Annotated[Channel, Path(description="As on the socket.")]

router = APIRouter(tags=["channels"])


@dataclass(frozen=True, slots=True)
class _Page:
    events: list[StoredEvent]
    position: Position
    recovered: bool | None
    reset_reason: str | None = None


@router.get("/api/channels/{channel}/events", responses=reading(schemas.ChannelEvents))
async def read_events(
    request: Request,
    services: PartsDep,
    caller: Caller,
    channel: ChannelPath,
    after: Annotated[
        int | None,
        Query(
            ge=0, le=LAST_SEQ, description="The seq of a position; without it: the head, no events."
        ),
    ] = None,
    epoch: Annotated[
        str | None,
        Query(
            max_length=100, description="The epoch of the position; without it: the present one."
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Events in the answer.")
    ] = DEFAULT_LIMIT,
    venue_id: VenueQuery = None,
) -> Response:
    """Read what follows a position, or a reset where that can't be had; of a stats channel, its
    current state messages.
    """
    venue = choose_venue(services.venues, caller, venue_id, kind=channel.kind)
    stream = Stream(venue.id, channel)
    if channel.is_state:
        snapshot = await services.dashboard.snapshot(
            venue.id, at_least=services.read_your_writes.last_write(caller.sub, venue.id)
        )
        bodies = b",".join(body for _, body in snapshot.states)
        return answer(request, b'{"events":[' + bodies + b'],"position":null,"recovered":null}')
    page = await services.database.read(
        lambda connection: _read(connection, stream, after, epoch, limit)
    )
    if page.reset_reason == BEYOND_HEAD and epoch is not None and after is not None:
        # The caller holds what the log has lost: this epoch must not go on for anybody.
        await services.relay.refute(stream, Position(epoch, after), is_believed=True)
        head = await services.database.read(lambda connection: _head(connection, stream))
        page = replace(page, position=head)
    return answer(request, _show(page, stream, services))


def _read(
    connection: Connection, stream: Stream, after: int | None, epoch: str | None, limit: int
) -> _Page:
    """All in one read, so that the head is that of the log which the events are from."""
    head = _head(connection, stream)
    present = head.epoch
    if after is None:
        return _Page([], head, None)
    if epoch not in {None, present}:
        return _Page([], head, recovered=False, reset_reason=NEW_EPOCH)
    if after > head.seq:
        return _Page([], head, recovered=False, reset_reason=BEYOND_HEAD)
    if after < event_log.read_floor(connection, stream):
        return _Page([], head, recovered=False, reset_reason=HISTORY_GONE)
    events = event_log.read_events(connection, stream, after, limit)
    return _Page(events, Position(present, events[-1].seq if events else after), recovered=True)


def _head(connection: Connection, stream: Stream) -> Position:
    return Position(
        event_log.read_epoch(connection), event_log.read_heads(connection, [stream])[stream]
    )


def _show(page: _Page, stream: Stream, services: Services) -> bytes:
    """The messages are in the log as they are sent, so they are joined and not decoded."""
    parts_of_body = [
        b'{"events":[' + b",".join(event.body for event in page.events) + b"]",
        b'"position":' + encode(position_json(page.position)),
        b'"recovered":' + {None: b"null", True: b"true", False: b"false"}[page.recovered],
    ]
    if page.reset_reason is not None:
        reset = reset_message(
            stream.channel,
            stream.venue,
            position=page.position,
            reason=page.reset_reason,
            timestamp=services.clock(),
        )
        parts_of_body.append(b'"reset":' + encode(reset))
    return b",".join(parts_of_body) + b"}"
