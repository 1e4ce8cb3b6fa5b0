"""REST requests of `watch`: kinds of venues, heads of streams, present state of channels."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from rtdash.client import Problem, Unreachable
from rtdash.client.api import Api
from rtdash.protocol.channels import Channel, Position

FIRST_TIMEOUT_S = 10
"""Time in which `watch` tries to reach a server at the start (guide: commands, "Which server, which
token").
"""

KNOWN_RESERVATIONS = 200
KNOWN_NOTICES = 20
"""Rows with which a view begins."""

_PAUSE_S = 0.25
Answer = TypeVar("Answer")


class NothingToWatch(Exception):  # noqa: N818
    """Refusal of a venue that has none of the chosen channels, or of a token that reads none."""


class UnknownVenue(Exception):  # noqa: N818
    """Refusal of a venue that the token is not for; `known` are those that it is for."""

    def __init__(self, venue: str, known: Sequence[str]) -> None:
        super().__init__(venue, known)
        self.venue = venue
        self.known = known

    def __str__(self) -> str:
        return f"there is no venue {self.venue!r} that this token is for"


async def retry_at_start(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Repeat a request until there is an answer; a server that can't be reached gets
    FIRST_TIMEOUT_S. Raises what `ask` raises.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + FIRST_TIMEOUT_S
    while True:
        try:
            return await ask()
        except Unreachable:
            if loop.time() + _PAUSE_S > until:
                raise
        except Problem as problem:
            if problem.status != 503 or loop.time() + _PAUSE_S > until:
                raise
        await asyncio.sleep(_PAUSE_S)


async def readable_channels(api: Api, venues: Sequence[str]) -> tuple[Channel, ...]:
    """Fetch the channels that the token may read, of the kinds of the chosen venues, else of all
    its venues. Raises NothingToWatch, UnknownVenue.
    """
    profile = await retry_at_start(api.profile)
    kinds = {venue["id"]: venue["kind"] for venue in profile["venues"]}
    if not kinds:
        await retry_at_start(partial(api.get_json, "/api/dashboard/stats"))  # refused, and says why
    for venue in venues:
        _refuse_unknown(venue, kinds)
    wanted = {kinds[venue] for venue in venues} or set(kinds.values())
    found = tuple(
        channel
        for channel in Channel
        if channel.kind in wanted and f"{channel.kind}:read" in profile["scopes"]
    )
    if not found:
        raise NothingToWatch("the token may read no channel of a venue")
    return found


async def resolve_streams(
    api: Api, channels: Iterable[Channel], venues: Iterable[str]
) -> list[tuple[str | None, Channel]]:
    """Pair each channel with each chosen venue of its kind, and with None where no venue of its
    kind was chosen. Raises NothingToWatch, UnknownVenue.
    """
    chosen, venues = list(channels), list(venues)
    kinds = (
        {venue["id"]: venue["kind"] for venue in (await retry_at_start(api.profile))["venues"]}
        if venues
        else {}
    )
    pairs: list[tuple[str | None, Channel]] = []
    for venue in venues:
        _refuse_unknown(venue, kinds)
        of_its_kind = [channel for channel in chosen if channel.kind == kinds[venue]]
        if not of_its_kind:
            raise NothingToWatch(
                f"the venue {venue!r} is a {kinds[venue]}, so that it has no {', '.join(chosen)}"
            )
        pairs += [(venue, channel) for channel in of_its_kind]
    placed = {channel for _, channel in pairs}
    return pairs + [(None, channel) for channel in chosen if channel not in placed]


def _refuse_unknown(venue: str, known: Mapping[str, str]) -> None:
    if venue not in known:
        raise UnknownVenue(venue, list(known))


async def fetch_head(api: Api, venue: str | None, channel: Channel) -> Position:
    """Fetch the head of an event stream."""
    position = (await retry_at_start(partial(api.events, channel, venue=venue)))["position"]
    return Position(position["epoch"], position["seq"])


async def fetch_current(api: Api, venue: str | None, channel: Channel) -> list[dict[str, Any]]:
    """Fetch the current state messages of a state channel, or the latest event of an event channel;
    empty where nothing has happened yet.
    """
    if channel.is_state:
        page = await retry_at_start(partial(api.events, channel, venue=venue))
    else:
        at = await fetch_head(api, venue, channel)
        page = await retry_at_start(
            partial(
                api.events, channel, venue=venue, after=max(0, at.seq - 1), epoch=at.epoch, limit=1
            )
        )
    messages: list[dict[str, Any]] = page["events"]
    return messages


async def fetch_known(
    api: Api, channels: Iterable[Channel], venue: str, kind: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Fetch what a view of a venue begins with: today's reservations, and the latest messages of
    its notifications, oldest first; empty for what isn't watched.
    """
    suffixes = {channel.partition("_")[2] for channel in channels if channel.kind == kind}
    reservations: list[dict[str, Any]] = []
    notices: list[dict[str, Any]] = []
    if "reservations" in suffixes:
        page = await api.reservations_today(venue, limit=KNOWN_RESERVATIONS)
        reservations = page["reservations"]
    if "notifications" in suffixes:
        channel = Channel(f"{kind}_notifications")
        position = (await api.events(channel, venue=venue, limit=1))["position"]
        after = max(0, position["seq"] - KNOWN_NOTICES)
        answer = await api.events(channel, venue=venue, after=after, limit=KNOWN_NOTICES)
        notices = answer["events"]
    return reservations, notices
