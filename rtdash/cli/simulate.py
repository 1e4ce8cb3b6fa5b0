"""`rtdash simulate`: realistic traffic for a server, a past for it, or the replay of the hotel
booking data set.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.access import DataOption, TokenOption, UrlOption, find_token, find_url, reach_hint
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.quantities import parse_moment, parse_rate, parse_seconds
from rtdash.cli.simulate_options import (
    CountOption,
    DurationOption,
    ProfileOption,
    RateOption,
    ScenarioOption,
    SpeedOption,
    StartOption,
)

if TYPE_CHECKING:
    from rtdash.client.api import Api
    from rtdash.domain.venues import Venue
    from rtdash.simulate.replay import Told
    from rtdash.simulate.script import TimedOperation
    from rtdash.simulate.tally import Tally
    from rtdash.simulate.traffic import Traffic

LOADED = "the past is loaded"
"""What the line begins with that ends a backfill; `rtdash demo` waits for it."""

SAMPLE = 100
"""Reservations that `--dry-run` prints when nothing else says how many."""


def simulate(
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    rate: RateOption = None,
    duration: DurationOption = None,
    seed: Annotated[
        int, typer.Option(help="The operations depend on seed, start and options alone.")
    ] = 1,
    scenario: ScenarioOption = None,
    backfill: Annotated[
        int, typer.Option(min=0, max=3_660, metavar="DAYS", help="First load so many days of past.")
    ] = 0,
    profile: ProfileOption = None,
    venue: Annotated[
        str | None,
        typer.Option(help="Only this venue. [default: all of the token's]", show_default=False),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Replay hotel_bookings.csv, or a .zip of it.")
    ] = None,
    speed: SpeedOption = None,
    start: StartOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the operations as NDJSON: nothing is sent, no server needed."
        ),
    ] = False,
    count: CountOption = None,
) -> None:
    """Make traffic: reservations and all that becomes of them.

    A past for charts: rtdash simulate --backfill 60. Real bookings: rtdash simulate --replay
    hotel_bookings.csv
    """
    _refuse_senseless(replay=replay, speed=speed, count=count, dry_run=dry_run)
    traffic = _read_traffic(
        rate=rate,
        duration=duration,
        seed=seed,
        scenario=scenario,
        backfill=backfill,
        profile=profile,
        start=start,
    )
    told = _read_told(replay, venue) if replay else None
    if dry_run:
        live = any(option is not None for option in (rate, duration, scenario))
        _print(_dry_operations(traffic, told, venue, count, live=live))
    elif told is not None:
        _run(
            find_url(data, url),
            find_token(data, token, admin=True),
            lambda api, tally, stop: _replay(api, told, speed, tally, stop),
        )
    else:
        admin = backfill > 0
        _run(
            find_url(data, url),
            find_token(data, token, admin=admin),
            lambda api, tally, stop: _generate(api, traffic, venue, tally, stop),
        )


def _refuse_senseless(
    *, replay: Path | None, speed: float | None, count: int | None, dry_run: bool
) -> None:
    if speed is not None and not (replay and speed > 0):
        raise CommandFailed(
            "--speed goes with --replay, and is a number above 0",
            hint="rtdash simulate --replay FILE --speed 86400   (a day a second)",
            code=Exit.USAGE,
        )
    if count is not None and not dry_run:
        raise CommandFailed(
            "--count goes with --dry-run",
            hint="live traffic ends by --duration 60s",
            code=Exit.USAGE,
        )


def _read_traffic(
    *,
    rate: str | None,
    duration: str | None,
    seed: int,
    scenario: str | None,
    backfill: int,
    profile: str | None,
    start: str | None,
) -> "Traffic":
    from rtdash.simulate.calibration import Profile
    from rtdash.simulate.scenarios import SCENARIOS
    from rtdash.simulate.traffic import Traffic

    return Traffic(
        rate_per_s=parse_rate(rate or "5/s"),
        duration_s=float("inf") if duration is None else parse_seconds(duration),
        seed=seed,
        scenario=SCENARIOS[_one_of(scenario or "steady", SCENARIOS, "scenario")],
        backfill_days=backfill,
        profile=(
            Profile(_one_of(profile, [one.value for one in Profile], "profile"))
            if profile
            else None
        ),
        start=parse_moment(start) if start else None,
    )


def _one_of(name: str, known: Iterable[str], what: str) -> str:
    if name not in known:
        raise CommandFailed(
            f"there is no {what} {name!r}", hint=f"choose of {', '.join(known)}", code=Exit.USAGE
        )
    return name


def _read_told(path: Path, venue: str | None) -> "list[Told]":
    """The data set's rows, with an account of them on stderr; of one hotel if one was chosen."""
    from rtdash.simulate.dataset import NotTheDataSet, read_bookings
    from rtdash.simulate.replay import HOTELS, Account, tell

    if venue is not None:
        _one_of(venue, HOTELS.values(), "hotel of the data set")
    account = Account()
    _say([f"reading {path}"])
    try:
        told = tell(read_bookings(path), account)
    except NotTheDataSet as error:
        raise CommandFailed(
            str(error),
            hint="it is the file hotel_bookings.csv of doi:10.1016/j.dib.2018.11.126",
            code=Exit.USAGE,
        ) from None
    _say(account.lines())
    return [one for one in told if venue in (None, HOTELS[one.booking.hotel])]


def _dry_operations(
    traffic: "Traffic",
    told: "list[Told] | None",
    venue: str | None,
    count: int | None,
    *,
    live: bool,
) -> "Iterable[TimedOperation]":
    from rtdash.domain.instants import utc_now
    from rtdash.simulate.replay import chronological
    from rtdash.simulate.venues import packaged_venues

    if told is not None:
        return chronological(told if count is None else told[:count])
    wanted = (
        SAMPLE
        if count is None and not traffic.backfill_days and traffic.duration_s == float("inf")
        else count
    )
    return traffic.rehearse(
        _choose(packaged_venues(), venue, traffic), utc_now(), count=wanted, live=live
    )


def _print(operations: "Iterable[TimedOperation]") -> None:
    from rtdash.protocol.messages import encode

    for timed in operations:
        sys.stdout.buffer.write(encode(timed.operation) + b"\n")
    sys.stdout.buffer.flush()


def _choose(venues: "Iterable[Venue]", venue: str | None, traffic: "Traffic") -> "list[Venue]":
    """The venues that get traffic. Raises CommandFailed when none is left."""
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


def _get_admin() -> str:
    from rtdash.server.auth import DEFAULT_SCOPES

    scopes = " ".join(f"--scope {scope}" for scope in ("admin", *DEFAULT_SCOPES))
    return f"a past and a replay need the scope admin: rtdash token {scopes}"


def _run(
    url: str, token: str, work: "Callable[[Api, Tally, asyncio.Event], Awaitable[None]]"
) -> None:
    """Do the work against the server, show its progress and its summary; ends with the exit code of
    CONTRACT section 7.
    """
    from rtdash.client.failures import NotAllowed, Problem, Unreachable
    from rtdash.simulate.tally import Tally

    tally = Tally()
    try:
        stopped = asyncio.run(_work(url, token, work, tally))
    except Unreachable as failure:
        raise CommandFailed(
            str(failure), hint=reach_hint(str(failure)), code=Exit.UNREACHABLE
        ) from None
    except NotAllowed as failure:
        hint = _get_admin() if failure.status == 403 else "get one that is let in: rtdash token"
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
            _say(tally.summary())
    if tally.refused["forbidden"] and not tally.applied:
        raise CommandFailed(
            "the token allows none of this", hint=tally.examples["forbidden"], code=Exit.NOT_ALLOWED
        )
    _say(["  next: rtdash watch hotel_stats restaurant_stats"])
    if stopped:
        raise typer.Exit(Exit.INTERRUPTED)


async def _work(
    url: str,
    token: str,
    work: "Callable[[Api, Tally, asyncio.Event], Awaitable[None]]",
    tally: "Tally",
) -> bool:
    """Whether it was stopped by Ctrl-C or SIGTERM: the first lets the request under way finish, a
    second one doesn't wait.
    """
    from rich.console import Console

    from rtdash.client.api import Api
    from rtdash.simulate.progress import progress
    from rtdash.simulate.runner import until_stopped

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


async def _generate(
    api: "Api", traffic: "Traffic", venue: str | None, tally: "Tally", stop: asyncio.Event
) -> None:
    from rtdash.domain.instants import utc_now
    from rtdash.simulate.runner import run_traffic
    from rtdash.simulate.venues import read_venues

    venues = _choose(await read_venues(api), venue, traffic)
    await run_traffic(
        api,
        traffic,
        venues,
        tally,
        stop=stop,
        clock=utc_now,
        on_loaded=lambda: _say([f"{LOADED}: {tally.applied.total():,} operations applied"]),
    )


async def _replay(
    api: "Api", told: "list[Told]", speed: float | None, tally: "Tally", stop: asyncio.Event
) -> None:
    from rtdash.resources import data_path
    from rtdash.simulate.replay import HOTELS
    from rtdash.simulate.runner import run_replay

    there = {one["id"] for one in (await api.profile())["venues"]}
    missing = sorted({HOTELS[one.booking.hotel] for one in told} - there)
    if missing:
        hint = (
            "start the server with them: rtdash serve --venues"
            f" {data_path('fixtures', 'venues', 'antonio-hotels.toml')}"
        )
        raise CommandFailed(f"the server has no venue {' and no venue '.join(missing)}", hint=hint)
    await run_replay(api, told, tally, speed=speed, stop=stop)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line, err=True)
