"""`rtdash simulate`: realistic traffic for a server, a past for it, or the replay of the hotel
booking data set.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.completion import complete_venue
from rtdash.cli.credentials import DataOption, TokenOption, UrlOption, find_token, find_url
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.cli.quantities import parse_moment, parse_rate, parse_seconds
from rtdash.cli.simulate_options import (
    AsOption,
    CountOption,
    DurationOption,
    HookOption,
    HookSecretOption,
    ProfileOption,
    RateOption,
    ScenarioOption,
    SpeedOption,
    StartOption,
    StatesPortOption,
    ThinOption,
)
from rtdash.cli.simulate_pms import run_as_pms
from rtdash.cli.simulate_run import choose_venues, run, say, send_replay, send_traffic
from rtdash.cli.suggestions import refuse_unknown

if TYPE_CHECKING:
    from rtdash.simulate.replayed_rows import ReplayedRow
    from rtdash.simulate.script import TimedOperation
    from rtdash.simulate.traffic_plan import Traffic

SAMPLE = 100
"""Reservations that `--dry-run` prints by default."""


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
        option(
            metavar="ID",
            autocompletion=complete_venue,
            help="Only this venue. [default: all of the token's]",
        ),
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
    acting_as: AsOption = None,
    hook: HookOption = None,
    hook_secret: HookSecretOption = None,
    thin: ThinOption = False,
    states_port: StatesPortOption = 0,
) -> None:
    """Send traffic: reservations and every later change of them.

    Examples: rtdash simulate --rate 5/s · rtdash simulate --backfill 60 --duration 0s · rtdash
    simulate --scenario friday-dinner · rtdash simulate --replay hotel_bookings.csv · rtdash
    simulate --as pms --venue harbour-hotel --hook-secret FILE
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
    if acting_as is not None:
        _one_of(acting_as, ("pms",), "role")
        run_as_pms(
            find_url(data, url), traffic, venue,
            hook=hook, secret=hook_secret, thin=thin, port=states_port,
        )  # fmt: skip
        return
    rows = _read_replayed(replay, venue) if replay else None
    if dry_run:
        live = any(option is not None for option in (rate, duration, scenario))
        _print(_dry_operations(traffic, rows, venue, count, live=live))
    elif rows is not None:
        run(
            find_url(data, url),
            find_token(data, token, admin=True),
            lambda api, tally, stop: send_replay(api, rows, speed, tally, stop),
        )
    else:
        admin = backfill > 0
        run(
            find_url(data, url),
            find_token(data, token, admin=admin),
            lambda api, tally, stop: send_traffic(api, traffic, venue, tally, stop),
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
    from rtdash.simulate.calibration import TrafficProfile
    from rtdash.simulate.scenarios import SCENARIOS
    from rtdash.simulate.traffic_plan import Traffic

    return Traffic(
        rate_per_s=parse_rate(rate or "5/s"),
        duration_s=float("inf") if duration is None else parse_seconds(duration),
        seed=seed,
        scenario=SCENARIOS[_one_of(scenario or "steady", SCENARIOS, "scenario")],
        backfill_days=backfill,
        profile=(
            TrafficProfile(_one_of(profile, [one.value for one in TrafficProfile], "profile"))
            if profile
            else None
        ),
        start=parse_moment(start) if start else None,
    )


def _one_of(name: str, known: Iterable[str], what: str) -> str:
    refuse_unknown(name, known, what=what)
    return name


def _read_replayed(path: Path, venue: str | None) -> "list[ReplayedRow]":
    """Return the data set's rows, with an accounting of them on stderr; of one hotel if one was
    chosen.
    """
    from rtdash.simulate.dataset import read_bookings
    from rtdash.simulate.dataset_file import NotTheDataSet
    from rtdash.simulate.replayed_rows import HOTELS, RowAccounting, select_rows

    if venue is not None:
        _one_of(venue, HOTELS.values(), "hotel of the data set")
    accounting = RowAccounting()
    say([f"reading {path}"])
    try:
        rows = select_rows(read_bookings(path), accounting)
    except NotTheDataSet as error:
        raise CommandFailed(
            str(error),
            hint="it is the file hotel_bookings.csv of doi:10.1016/j.dib.2018.11.126",
            code=Exit.USAGE,
        ) from None
    say(accounting.lines())
    return [one for one in rows if venue in (None, HOTELS[one.booking.hotel])]


def _dry_operations(
    traffic: "Traffic",
    rows: "list[ReplayedRow] | None",
    venue: str | None,
    count: int | None,
    *,
    live: bool,
) -> "Iterable[TimedOperation]":
    from rtdash.domain.instants import utc_now
    from rtdash.simulate.replay import chronological
    from rtdash.simulate.venue_reader import packaged_venues

    if rows is not None:
        return chronological(rows if count is None else rows[:count])
    wanted = (
        SAMPLE
        if count is None and not traffic.backfill_days and traffic.duration_s == float("inf")
        else count
    )
    return traffic.dry_run(
        choose_venues(packaged_venues(), venue, traffic), utc_now(), count=wanted, live=live
    )


def _print(operations: "Iterable[TimedOperation]") -> None:
    from rtdash.protocol.messages import encode

    for timed in operations:
        sys.stdout.buffer.write(encode(timed.operation) + b"\n")
    sys.stdout.buffer.flush()
