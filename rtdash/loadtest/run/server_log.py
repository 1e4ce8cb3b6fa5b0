"""The server's log and states over REST, for comparison with the ledger."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
from rtdash.loadtest.generator.message_reader import digest_of
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.verdict.ledger import StreamLog
from rtdash.protocol.channels import Channel, Position, Stream

_PAGE = 500
_PAYLOADS = ("stats", "availability")
_AGAIN_S = 0.5

T = TypeVar("T")


class LogUnusable(Exception):  # noqa: N818
    """Raised when the log was pruned under the run, so that nothing can be held against it."""


async def patiently(read: Callable[[], Awaitable[T]], until: float) -> T:
    """Return the result of `read`, retried until that instant of the monotonic clock. Raises
    Unreachable, Problem.
    """
    while True:
        try:
            return await read()
        except (Unreachable, Problem) as failure:
            if isinstance(failure, NotAllowed) or time.monotonic() > until:
                raise
        await asyncio.sleep(_AGAIN_S)


async def read_heads(api: Api, streams: Iterable[Stream]) -> dict[Stream, Position]:
    """Return the head of each stream's log."""
    heads = {}
    for stream in streams:
        position = (await api.events(stream.channel, venue=stream.venue))["position"]
        heads[stream] = Position(position["epoch"], position["seq"])
    return heads


async def read_log(
    api: Api,
    stream: Stream,
    start: Position,
    take: Callable[[Stream, dict[str, Any]], None] = lambda _stream, _event: None,
) -> StreamLog:
    """Read all events after `start`; each goes to `take`. A log that went back differs from one
    that was pruned: only the server can have done the first. Raises LogUnusable.
    """
    entries: dict[int, tuple[str | None, str]] = {}
    events: list[dict[str, Any]] = []
    at, epoch, went_back = start.seq, start.epoch, None
    while True:
        page = await api.events(
            stream.channel, venue=stream.venue, after=at, epoch=epoch, limit=_PAGE
        )
        position = Position(**page["position"])
        if not page["recovered"]:
            if went_back is not None or not _is_back(position, start):
                raise LogUnusable(f"the log of {stream.channel} was pruned during the run")
            went_back = (
                f"it stood at seq {start.seq} of epoch {start.epoch}, and ends now at seq"
                f" {position.seq} of epoch {position.epoch}"
            )
            at, epoch = 0, position.epoch
            continue
        for event in page["events"]:
            entries[event["seq"]] = (event.get("operationId"), digest_of(event))
        events += page["events"]
        at = position.seq
        if len(page["events"]) < _PAGE:
            for event in events:  # not before, since reading may fail and begin anew
                take(stream, event)
            return StreamLog(0 if went_back else start.seq, at, entries, went_back)


def _is_back(position: Position, start: Position) -> bool:
    return position.epoch != start.epoch or position.seq < start.seq


async def read_states(api: Api, streams: Iterable[Stream]) -> dict[tuple[Stream, str], str]:
    """Return the digest of each current state message, by stream and type."""
    states = {}
    for stream in streams:
        for message in (await api.events(stream.channel, venue=stream.venue))["events"]:
            payload = next((message[name] for name in _PAYLOADS if name in message), None)
            states[stream, message["type"]] = digest_of(payload)
    return states


def streams_of(venues: Iterable[TargetVenue], channels: Iterable[Channel]) -> list[Stream]:
    """Return the streams that those channels mean at those venues."""
    by_kind = {venue.kind: venue.id for venue in venues}
    return [
        Stream(by_kind[channel.kind], channel) for channel in channels if channel.kind in by_kind
    ]
