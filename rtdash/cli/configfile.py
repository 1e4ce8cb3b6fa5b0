"""Reader of rtdash.toml in the working directory."""

import tomllib
from pathlib import Path
from typing import Any

from rtdash.cli.failures import CommandFailed, Exit

CONFIG_FILE = "rtdash.toml"


def read_config_file() -> dict[str, Any]:
    """Return the settings of the file; empty where there is none. Raises CommandFailed."""
    try:
        return (
            tomllib.loads(Path(CONFIG_FILE).read_text(encoding="utf-8"))
            if Path(CONFIG_FILE).is_file()
            else {}
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CommandFailed(
            f"{CONFIG_FILE} can't be read: {error}",
            hint="mend that line, or take the file away",
            code=Exit.USAGE,
        ) from None
