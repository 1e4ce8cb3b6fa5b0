"""Single settings for commands that need no more: environment, files named there, configuration
file. The classes of rtdash.settings take longer to load than most commands run.
"""

from pathlib import Path

from rtdash import setting_sources
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.setting_sources import SettingValues, SourceUnusable


def read_sources(config: Path | None = None) -> SettingValues:
    """Return all settings that a source has. Raises CommandFailed."""
    try:
        return setting_sources.read_sources(config)
    except SourceUnusable as error:
        raise CommandFailed(str(error), hint=error.hint, code=Exit.USAGE) from None


def read_setting(name: str) -> str | None:
    """Return one setting as text, None where no source has it. Raises CommandFailed."""
    value = read_sources().values.get(name)
    return None if value is None else str(value)
