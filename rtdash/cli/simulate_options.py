"""Options of `rtdash simulate`, as typer reads them."""

from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.completion import complete_profile, complete_scenario
from rtdash.cli.options import option

RateOption = Annotated[
    str | None,
    option(
        metavar="RATE",
        help="New reservations over all venues: 5/s, 90/min. [default: 5/s]",
    ),
]
DurationOption = Annotated[
    str | None,
    option(
        metavar="TIME",
        help="Live for so long: 90s, 30m, 2h; 0s: not at all. [default: until Ctrl-C]",
    ),
]
ScenarioOption = Annotated[
    str | None,
    option(
        metavar="NAME",
        autocompletion=complete_scenario,
        help="steady, friday-dinner, check-in-wave, flash-sale. [default: steady]",
    ),
]
ProfileOption = Annotated[
    str | None,
    option(
        metavar="NAME",
        autocompletion=complete_profile,
        help="resort, city, restaurant. [default: city and restaurant]",
    ),
]
SpeedOption = Annotated[
    float | None,
    option(
        metavar="TIMES",
        help="Replay at so many times the data's own time. [default: full speed]",
    ),
]
StartOption = Annotated[
    str | None,
    option(
        metavar="DATE",
        help="The present of the run: 2026-01-31. [default: now]",
    ),
]
CountOption = Annotated[
    int | None,
    option(
        min=0,
        metavar="N",
        help=(
            "With --dry-run: reservations, each with all its operations. [default: 100, or all"
            " there are]"
        ),
    ),
]
AsOption = Annotated[
    str | None,
    option(
        "--as",
        metavar="ROLE",
        help="pms: play another system, which sends webhooks of its own states.",
    ),
]
HookOption = Annotated[
    str | None,
    option(
        metavar="URL",
        help="With --as: where webhooks go. [default: /api/hooks/pms of the server]",
    ),
]
HookSecretOption = Annotated[
    Path | None,
    option(
        metavar="FILE",
        help="With --as: the file that holds the webhooks' secret.",
    ),
]
ThinOption = Annotated[
    bool,
    typer.Option("--thin", help="With --as: events without the state, only where to read it."),
]
StatesPortOption = Annotated[
    int,
    typer.Option(
        min=0, max=65_535, help="With --as: port on loopback of the states; 0: a free one."
    ),
]
