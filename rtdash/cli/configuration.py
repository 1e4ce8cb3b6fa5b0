"""The settings of the commands that run or show a server; what is wrong with them ends the command in words, without their values."""

import tomllib
from typing import TYPE_CHECKING, Any

from rtdash.cli.failures import CommandFailed, Exit

if TYPE_CHECKING:
    from rtdash.settings import Settings


def read_settings(given: dict[str, Any]) -> "Settings":
    """The settings, with what was `given` as flags over everything else. Raises CommandFailed."""
    from pydantic import ValidationError

    from rtdash.settings import CONFIG_FILE, Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise CommandFailed(
            f"the setting {name} can't be used: {first['msg'].removeprefix('Value error, ')}",
            hint="see every setting and where it came from: rtdash config",
            code=Exit.USAGE,
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CommandFailed(f"{CONFIG_FILE} can't be read: {error}", code=Exit.USAGE) from None
