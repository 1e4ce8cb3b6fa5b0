"""Settings of the commands that run or show a server. A wrong setting ends the command with a text
that names it, without its value.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rtdash.cli.configfile import read_sources
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.setting_sources import FILE_SETTINGS, PREFIX, SettingValues, is_service_link

if TYPE_CHECKING:
    from pydantic import ValidationError

    from rtdash.settings import Settings

_ALIKE = 0.75
"""Similarity from which a variable counts as a misspelt setting. Others that begin with RTDASH_ may
belong to another program (Kubernetes makes some)."""

ConfigOption = Annotated[
    Path | None,
    option(
        "--config",
        metavar="FILE",
        help=(
            "Configuration file (TOML). [default: RTDASH_CONFIG, else rtdash.toml here, else"
            " /etc/rtdash/rtdash.toml]"
        ),
    ),
]


def read_settings(given: dict[str, Any]) -> "Settings":
    """Return the settings, with `given` (from flags) over everything else. Raises CommandFailed."""
    from pydantic import ValidationError

    from rtdash.settings import Settings

    sources = read_sources(given.get("config"))
    _refuse_unknown(sources)
    for warning in (*sources.warnings, *_misspelt_variables()):
        sys.stderr.write(f"rtdash: {warning}\n")
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _unusable(error, given) from None


def source_of(name: str, given: dict[str, Any]) -> str:
    """Return the source of a setting's value: flag, environment, the file, or default."""
    if name in given:
        return "flag"
    return read_sources(given.get("config")).origins.get(name, "default")


def _known_names() -> frozenset[str]:
    from rtdash.settings import SETTING_NAMES

    return SETTING_NAMES | {f"{name}_file" for name in FILE_SETTINGS} | {"config", "token"}


def _refuse_unknown(sources: SettingValues) -> None:
    """Raise CommandFailed for the first name in the file that is no setting."""
    known = _known_names() - {"config"}
    in_file = [name for name, origin in sources.origins.items() if origin == str(sources.file)]
    for name in _unknown(in_file, known):
        alike = get_close_matches(name.lower().removeprefix(PREFIX.lower()), known, 1)
        raise CommandFailed(
            f"{sources.file}: there is no setting {name!r}",
            hint=(
                "settings stand at the top of the file, under no table"
                if isinstance(sources.values[name], dict)
                else f"did you mean {alike[0]}?"
                if alike
                else "this lists every setting: rtdash help operations"
            ),
            code=Exit.USAGE,
        )


def _unknown(names: Iterable[str], known: frozenset[str]) -> list[str]:
    return [name for name in names if name not in known]


def _misspelt_variables() -> Iterator[str]:
    """Return a warning for each variable that resembles a setting and is none."""
    known = _known_names()
    variables = (
        name.removeprefix(PREFIX).lower()
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and not is_service_link(value)
    )
    for name in sorted(_unknown(variables, known)):
        if alike := get_close_matches(name, known, 1, _ALIKE):
            yield (
                f"{PREFIX}{name.upper()} is no setting and changes nothing: did you mean"
                f" {PREFIX}{alike[0].upper()}?"
            )


def _unusable(error: "ValidationError", given: dict[str, Any]) -> CommandFailed:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    source = source_of(name, given)
    where = (
        f"--{name.replace('_', '-')}" if source == "flag" else source.removeprefix("environment ")
    )
    return CommandFailed(
        f"the setting {name} can't be used: {first['msg'].removeprefix('Value error, ')}",
        hint=f"it comes from {where}: change it there, or take it away",
        code=Exit.USAGE,
    )
