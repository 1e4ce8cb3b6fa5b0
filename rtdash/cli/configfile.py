"""rtdash.toml in the working directory, as it stands there."""

import tomllib
from pathlib import Path
from typing import Any

from rtdash.cli.failures import CommandFailed, Exit

CONFIG_FILE = "rtdash.toml"


def read_config_file() -> dict[str, Any]:
    """What it sets; nothing where there is none. Raises CommandFailed."""
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
