"""`watch` from beginning to end: connects, feeds the view or the lines, ends with the right exit
code.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from rtdash.client import ConnectionChange, State, TokenSource, Unreachable, connect
from rtdash.client.api import Api
from rtdash.client.live_connection import Connection
from rtdash.domain.instants import utc_now
from rtdash.protocol.channels import Channel, Position
from rtdash.protocol.client_requests import Wanted
from rtdash.watch.banner import Banner, no_banner
from rtdash.watch.board import Board
from rtdash.watch.lines import JsonLines, PlainLines
from rtdash.watch.queries import (
    FIRST_TIMEOUT_S,
    fetch_current,
    fetch_head,
    readable_channels,
    resolve_streams,
)
from rtdash.watch.stopping import (
    INTERRUPTED,
    Interrupted,
    InterruptibleWriter,
    Stopper,
    signals,
    watch_reader,
)

Receive = Callable[[dict[str, Any] | ConnectionChange], None]
_REACHED = frozenset({State.LIVE, State.REPLAYING, State.POLLING})


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """Options of a watch.

    No `channels` means all that the token may read, no `venues` leaves the choice to the server.
    `since` is a seq to go on from, for every event channel. `banner` returns the lines above the
    live view, for each frame.
    """

    url: str
    token: TokenSource
    channels: tuple[Channel, ...]
    venues: tuple[str, ...] = ()
    as_json: bool = False
    count: int | None = None
    duration_s: float | None = None
    since: int | None = None
    once: bool = False
    banner: Banner = no_banner


def run(watch: WatchOptions) -> int:
    """Run the watch and return the exit code: 0, or 130 when interrupted. Raises Unreachable,
    ConnectionRejected, NotAllowed, Problem, UnknownVenue or NothingToWatch.
    """
    return asyncio.run(_run(watch))


async def _run(watch: WatchOptions) -> int:
    stopper, out = Stopper(), InterruptibleWriter(sys.stdout)
    with signals(stopper, out), watch_reader(stopper, sys.stdout):
        work = asyncio.create_task(_work(watch, out, stopper))
        stopping = asyncio.create_task(stopper.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else stopping.result()
        except Interrupted:
            return INTERRUPTED
        except BrokenPipeError:
            _discard_stdout()
            return 0
        finally:
            work.cancel()
            stopping.cancel()
            await asyncio.gather(work, stopping, return_exceptions=True)


async def _work(watch: WatchOptions, out: InterruptibleWriter, stopper: Stopper) -> int:
    async with Api(watch.url, watch.token) as api:
        if not watch.channels:
            watch = replace(watch, channels=await readable_channels(api, watch.venues))
        pairs = await resolve_streams(api, watch.channels, watch.venues)
        if watch.once:
            return await _once(api, pairs, _lines(watch, out))
        positions = await _positions(api, pairs, watch.since)
        wanted: list[Wanted] = [
            channel if venue is None else (venue, channel) for venue, channel in pairs
        ]
        async with (
            connect(
                watch.url,
                wanted,
                token=watch.token,
                positions=positions,
                first_timeout_s=FIRST_TIMEOUT_S,
            ) as live,
            _sink(watch, out, stopper, api) as receive,
        ):
            return await _pump(watch, live, receive)


async def _once(api: Api, pairs: list[tuple[str | None, Channel]], receive: Receive) -> int:
    for venue, channel in pairs:
        messages = await fetch_current(api, venue, channel)
        for message in messages:
            receive(message)
        if not messages:
            sys.stderr.write(f"rtdash: {channel} has had no event yet\n")
    return 0


async def _positions(
    api: Api, pairs: list[tuple[str | None, Channel]], since: int | None
) -> dict[Wanted, Position]:
    """Return the position to go on from for each event stream: `since`, in the log's present epoch."""
    if since is None:
        return {}
    events = [(venue, channel) for venue, channel in pairs if not channel.is_state]
    return {
        (channel if venue is None else (venue, channel)): Position(
            (await fetch_head(api, venue, channel)).epoch, since
        )
        for venue, channel in events
    }


async def _pump(watch: WatchOptions, live: Connection, receive: Receive) -> int:
    reached, reason, count = False, "no answer yet", 0
    try:
        async with asyncio.timeout(watch.duration_s):
            async for item in live:
                receive(item)
                if isinstance(item, ConnectionChange):
                    reached, reason = reached or item.state in _REACHED, item.detail or reason
                else:
                    count += 1
                    if count == watch.count:
                        break
    except TimeoutError:
        if not reached:
            raise Unreachable(watch.url, reason) from None
    return 0


@asynccontextmanager
async def _sink(
    watch: WatchOptions, out: InterruptibleWriter, stopper: Stopper, api: Api
) -> AsyncIterator[Receive]:
    """Yield the live view on a terminal that can show it, else lines."""
    if watch.as_json or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield _lines(watch, out)
        return
    # needs a terminal's modules, which lines do without
    from rtdash.watch.screen import on_screen  # noqa: PLC0415

    async with on_screen(
        Board(watch.channels, venues=watch.venues), utc_now, stopper, api, watch.banner
    ) as screen:
        yield screen.receive


def _lines(watch: WatchOptions, out: InterruptibleWriter) -> Receive:
    return JsonLines(out).receive if watch.as_json else PlainLines(out, sys.stderr).receive


def _discard_stdout() -> None:
    """Point stdout at /dev/null: its reader is gone, and the interpreter would complain when it
    flushes at its end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
