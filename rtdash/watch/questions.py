"""What `watch` asks over REST: which venue is of which kind, where a stream stands, the present
state of a channel.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from rtdash.client import NotAllowed, Problem, Unreachable
from rtdash.client.api import Api
from rtdash.protocol.channels import Channel, Position

FIRST_TIMEOUT_S = 10
"""How long a server that can't be reached is tried before `watch` gives up (CONTRACT section 7)."""

_PAUSE_S = 0.25
Answer = TypeVar("Answer")


class NothingToWatch(Exception):  # noqa: N818
    """A venue that has none of the channels asked for."""


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until there is an answer; a server that can't be reached gets FIRST_TIMEOUT_S. Raises
    what `ask` raises.
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


async def spread(
    api: Api, channels: Iterable[Channel], venues: Iterable[str]
) -> list[tuple[str | None, Channel]]:
    """Each channel of each of the venues of its kind, and of None where none of them is. Raises
    NothingToWatch, NotAllowed.
    """
    chosen, venues = list(channels), list(venues)
    kinds = (
        {venue["id"]: venue["kind"] for venue in (await patiently(api.profile))["venues"]}
        if venues
        else {}
    )
    pairs: list[tuple[str | None, Channel]] = []
    for venue in venues:
        if venue not in kinds:
            raise NotAllowed(
                403,
                title=(
                    f"the token is not for the venue {venue!r}, only for"
                    f" {', '.join(kinds) or 'none'}"
                ),
            )
        of_its_kind = [channel for channel in chosen if channel.kind == kinds[venue]]
        if not of_its_kind:
            raise NothingToWatch(
                f"the venue {venue!r} is a {kinds[venue]}, so that it has no {', '.join(chosen)}"
            )
        pairs += [(venue, channel) for channel in of_its_kind]
    placed = {channel for _, channel in pairs}
    return pairs + [(None, channel) for channel in chosen if channel not in placed]


async def head(api: Api, venue: str | None, channel: Channel) -> Position:
    """Where an event stream stands."""
    told = (await patiently(partial(api.events, channel, venue=venue)))["position"]
    return Position(told["epoch"], told["seq"])


async def present(api: Api, venue: str | None, channel: Channel) -> list[dict[str, Any]]:
    """The current state messages of a state channel, or the latest event of another one; none where
    nothing has happened yet.
    """
    if channel.is_state:
        page = await patiently(partial(api.events, channel, venue=venue))
    else:
        at = await head(api, venue, channel)
        page = await patiently(
            partial(
                api.events, channel, venue=venue, after=max(0, at.seq - 1), epoch=at.epoch, limit=1
            )
        )
    messages: list[dict[str, Any]] = page["events"]
    return messages
