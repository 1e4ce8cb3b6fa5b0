"""Settings of the commands that run or show a server. A wrong setting ends the command with a text
that names it, without its value.
"""

import os
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rtdash.cli.configfile import CONFIG_FILE, read_config_file
from rtdash.cli.failures import CommandFailed, Exit

if TYPE_CHECKING:
    from pydantic import ValidationError

    from rtdash.settings import Settings

_PREFIX = "RTDASH_"
_ALIKE = 0.75
"""Similarity from which a variable counts as a misspelt setting. Others that begin with RTDASH_ may
belong to another program (Kubernetes makes some)."""


def read_settings(given: dict[str, Any]) -> "Settings":
    """Return the settings, with `given` (from flags) over everything else. Raises CommandFailed."""
    from pydantic import ValidationError

    from rtdash.settings import Settings

    _refuse_unknown(read_config_file())
    _warn_of_slips()
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _unusable(error, given) from None


def source_of(name: str, given: dict[str, Any]) -> str:
    """Return the source of a setting's value: flag, environment, rtdash.toml or default."""
    if name in given:
        return "flag"
    if os.environ.get(variable := _PREFIX + name.upper()):
        return f"environment {variable}"
    return CONFIG_FILE if name in read_config_file() else "default"


def _refuse_unknown(found: dict[str, Any]) -> None:
    from rtdash.settings import SETTING_NAMES

    for name, value in found.items():
        if name in SETTING_NAMES:
            continue
        alike = get_close_matches(name.lower().removeprefix(_PREFIX.lower()), SETTING_NAMES, 1)
        raise CommandFailed(
            f"{CONFIG_FILE}: there is no setting {name!r}",
            hint=(
                "settings stand at the top of the file, under no table"
                if isinstance(value, dict)
                else f"did you mean {alike[0]}?"
                if alike
                else "rtdash help operations lists every setting"
            ),
            code=Exit.USAGE,
        )


def _warn_of_slips() -> None:
    from rtdash.settings import SETTING_NAMES

    for variable in sorted(os.environ):
        name = variable.removeprefix(_PREFIX).lower()
        if (
            variable.startswith(_PREFIX)
            and name not in SETTING_NAMES
            and (alike := get_close_matches(name, SETTING_NAMES, 1, _ALIKE))
        ):
            sys.stderr.write(
                f"rtdash: {variable} is no setting and changes nothing: did you mean"
                f" {_PREFIX}{alike[0].upper()}?\n"
            )


def _unusable(error: "ValidationError", given: dict[str, Any]) -> CommandFailed:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"]).lower().removeprefix(_PREFIX.lower())
    source = source_of(name, given)
    where = (
        f"--{name.replace('_', '-')}" if source == "flag" else source.removeprefix("environment ")
    )
    return CommandFailed(
        f"the setting {name} can't be used: {first['msg'].removeprefix('Value error, ')}",
        hint=f"it comes from {where}: change it there, or take it away",
        code=Exit.USAGE,
    )
