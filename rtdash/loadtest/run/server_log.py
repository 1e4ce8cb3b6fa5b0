"""The server's log and states over REST, for comparison with the ledger."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import httpx2

from rtdash.client.addresses import rest_url
from rtdash.client.api import Api
from rtdash.client.failures import NotAllowed, Problem, Unreachable
from rtdash.loadtest.generator.message_reader import digest_of
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.verdict.ledger import Log
from rtdash.protocol.channels import Channel, Position, Stream

_PAGE = 500
_PAYLOADS = ("stats", "availability")
_CONNECTIONS = ("rtdash_connections ", "rtdash_connections{")
"""How its line begins in the metrics of a server; of several workers each has one, with a label."""
_AGAIN_S = 0.5

T = TypeVar("T")


class LogUnusable(Exception):  # noqa: N818
    """Raised when the log was pruned or reset under the run, so that nothing can be held against
    it.
    """


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


async def read_log(api: Api, stream: Stream, start: Position) -> Log:
    """Read all events after `start`. Raises LogUnusable."""
    entries: dict[int, tuple[str | None, str]] = {}
    at = start.seq
    while True:
        page = await api.events(
            stream.channel, venue=stream.venue, after=at, epoch=start.epoch, limit=_PAGE
        )
        if not page["recovered"]:
            raise LogUnusable(f"the log of {stream.channel} was pruned or reset during the run")
        entries |= {
            event["seq"]: (event.get("operationId"), digest_of(event)) for event in page["events"]
        }
        at = page["position"]["seq"]
        if len(page["events"]) < _PAGE:
            return Log(start.seq, at, entries)


async def read_states(api: Api, streams: Iterable[Stream]) -> dict[tuple[Stream, str], str]:
    """Return the digest of each current state message, by stream and type."""
    states = {}
    for stream in streams:
        for message in (await api.events(stream.channel, venue=stream.venue))["events"]:
            payload = next((message[name] for name in _PAYLOADS if name in message), None)
            states[stream, message["type"]] = digest_of(payload)
    return states


async def read_venues(api: Api) -> tuple[TargetVenue, ...]:
    """Return the first venue of each kind that the token is for: plain channel names mean these."""
    venues: dict[str, TargetVenue] = {}
    for venue in (await api.profile())["venues"]:
        if venue["kind"] not in venues:
            types = (
                [one["id"] for one in (await api.room_types(venue["id"]))["roomTypes"]]
                if venue["kind"] == "hotel"
                else []
            )
            venues[venue["kind"]] = TargetVenue(venue["id"], venue["kind"], tuple(types))
    return tuple(venues.values())


def streams_of(venues: Iterable[TargetVenue], channels: Iterable[Channel]) -> list[Stream]:
    """Return the streams that those channels mean at those venues."""
    by_kind = {venue.kind: venue.id for venue in venues}
    return [
        Stream(by_kind[channel.kind], channel) for channel in channels if channel.kind in by_kind
    ]


async def read_connections(url: str) -> int | None:
    """Return the number of open connections that the server counts; None where it doesn't publish
    metrics.
    """
    async with httpx2.AsyncClient(
        trust_env=False, timeout=5, verify=ssl.create_default_context()
    ) as client:
        try:
            text = (await client.get(f"{rest_url(url)}/metrics")).raise_for_status().text
        except httpx2.HTTPError:
            return None
    counts = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(_CONNECTIONS)
    ]
    return int(sum(counts)) if counts else None
