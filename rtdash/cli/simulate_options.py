"""Options of `rtdash simulate`, as typer reads them."""

from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.completion import complete_profile, complete_scenario

RateOption = Annotated[
    str | None,
    typer.Option(
        metavar="RATE",
        help="New reservations over all venues: 5/s, 90/min. [default: 5/s]",
        show_default=False,
    ),
]
DurationOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Live for so long: 90s, 30m, 2h; 0s: not at all. [default: until Ctrl-C]",
        show_default=False,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=complete_scenario,
        help="steady, friday-dinner, check-in-wave, flash-sale. [default: steady]",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=complete_profile,
        help="resort, city, restaurant. [default: city and restaurant]",
        show_default=False,
    ),
]
SpeedOption = Annotated[
    float | None,
    typer.Option(
        metavar="TIMES",
        help="Replay at so many times the data's own time. [default: full speed]",
        show_default=False,
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        help="The present of the run: 2026-01-31. [default: now]",
        show_default=False,
    ),
]
CountOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help=(
            "With --dry-run: reservations, each with all its operations. [default: 100, or all"
            " there are]"
        ),
        show_default=False,
    ),
]
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="ROLE",
        help="pms: play another system, which sends webhooks of its own states.",
        show_default=False,
    ),
]
HookOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="With --as: where webhooks go. [default: /api/hooks/pms of the server]",
        show_default=False,
    ),
]
HookSecretOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --as: the file that holds the webhooks' secret.",
        show_default=False,
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
