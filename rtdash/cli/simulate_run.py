"""Run of `rtdash simulate` against a server: venues, progress, summary, exit code."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import typer

from rtdash.cli.credentials import reach_hint
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.domain.printable import printable

if TYPE_CHECKING:
    from rtdash.client.api import Api
    from rtdash.domain.venues import Venue
    from rtdash.simulate.replayed_rows import ReplayedRow
    from rtdash.simulate.tally import Tally
    from rtdash.simulate.traffic_plan import Traffic

LOADED = "the past is loaded"
"""Beginning of the line that ends a backfill; `rtdash demo` waits for it."""


def choose_venues(
    venues: "Iterable[Venue]", venue: str | None, traffic: "Traffic"
) -> "list[Venue]":
    """Return the venues that get traffic. Raises CommandFailed when none is left."""
    there = list(venues)
    if not there:
        hint = "get one that may: rtdash token --scope hotel:write --scope hotel:read"
        raise CommandFailed(
            "the token may write reservations at no venue", hint=hint, code=Exit.NOT_ALLOWED
        )
    chosen = [one for one in there if venue in (None, one.id) and traffic.suits(one)]
    if not chosen:
        wanted = f"venue {venue!r}" if venue else "venue"
        kind = f" for the profile {traffic.profile}" if traffic.profile else ""
        known = ", ".join(f"{one.id} ({one.kind})" for one in there)
        raise CommandFailed(
            f"there is no {wanted}{kind}", hint=f"there are: {known}", code=Exit.USAGE
        )
    return chosen


def _admin_hint() -> str:
    from rtdash.server.auth.tokens import DEFAULT_SCOPES

    scopes = " ".join(f"--scope {scope}" for scope in ("admin", *DEFAULT_SCOPES))
    return f"a past and a replay need the scope admin: rtdash token {scopes}"


def run(
    url: str, token: str, work: "Callable[[Api, Tally, asyncio.Event], Awaitable[None]]"
) -> None:
    """Do the work against the server; show its progress and its summary.

    Exits with the codes of the contract's list of commands.
    """
    from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
    from rtdash.simulate.tally import Tally

    tally = Tally()
    try:
        stopped = asyncio.run(_work(url, token, work, tally))
    except Unreachable as failure:
        raise CommandFailed(
            str(failure), hint=reach_hint(str(failure)), code=Exit.UNREACHABLE
        ) from None
    except NotAllowed as failure:
        hint = _admin_hint() if failure.status == 403 else "get one that is let in: rtdash token"
        raise CommandFailed(
            f"the server refuses this token: {failure.detail or failure.title}",
            hint=hint,
            code=Exit.NOT_ALLOWED,
        ) from None
    except Problem as failure:
        raise CommandFailed(
            f"the server refuses: {failure}",
            hint="see its log, and rtdash doctor; or is it no rtdash server?",
        ) from None
    finally:
        if tally.sent:
            say(tally.summary())
    if tally.refused["forbidden"] and not tally.applied:
        raise CommandFailed(
            "the token allows none of this", hint=tally.examples["forbidden"], code=Exit.NOT_ALLOWED
        )
    say(["  next: rtdash watch hotel_stats restaurant_stats"])
    if stopped:
        raise typer.Exit(Exit.INTERRUPTED)


async def _work(
    url: str,
    token: str,
    work: "Callable[[Api, Tally, asyncio.Event], Awaitable[None]]",
    tally: "Tally",
) -> bool:
    """Return whether Ctrl-C or SIGTERM ended the work.

    The first signal lets the current request finish; a second one does not wait.
    """
    from rich.console import Console

    from rtdash.client.api import Api
    from rtdash.simulate.progress_line import progress
    from rtdash.simulate.traffic_run import until_stopped

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_once)
    async with Api(url, token) as api, progress(tally, api, Console(stderr=True)):
        return await until_stopped(asyncio.ensure_future(work(api, tally, stop)), stop)


async def send_traffic(
    api: "Api", traffic: "Traffic", venue: str | None, tally: "Tally", stop: asyncio.Event
) -> None:
    """Send generated traffic: the past, then live."""
    from rtdash.domain.instants import utc_now
    from rtdash.simulate.traffic_run import run_traffic
    from rtdash.simulate.venue_reader import list_venues, read_offers

    chosen = choose_venues(await list_venues(api), venue, traffic)
    start = traffic.start or utc_now()
    used = traffic.used(chosen, start)

    def show(count: int) -> None:
        tally.note = f"reading venues: {count:,} of {len(used):,}" if count < len(used) else ""

    await run_traffic(
        api,
        traffic,
        await read_offers(api, used, on_read=show),
        tally,
        among=len(chosen),
        start=start,
        stop=stop,
        clock=utc_now,
        on_loaded=lambda: say([f"{LOADED}: {tally.applied.total():,} operations applied"]),
    )


async def send_replay(
    api: "Api", rows: "list[ReplayedRow]", speed: float | None, tally: "Tally", stop: asyncio.Event
) -> None:
    """Send the operations of the data set's rows."""
    from rtdash.resources import data_path
    from rtdash.simulate.replayed_rows import HOTELS
    from rtdash.simulate.traffic_run import run_replay

    there = {one["id"] for one in (await api.profile())["venues"]}
    missing = sorted({HOTELS[one.booking.hotel] for one in rows} - there)
    if missing:
        hint = (
            "start the server with them: rtdash serve --venues"
            f" {data_path('fixtures', 'venues', 'antonio-hotels.toml')}"
        )
        raise CommandFailed(f"the server has no venue {' and no venue '.join(missing)}", hint=hint)
    await run_replay(api, rows, tally, speed=speed, stop=stop)


def say(lines: Iterable[str]) -> None:
    """Print lines for a person, on stderr."""
    for line in lines:
        typer.echo(printable(line), err=True)
