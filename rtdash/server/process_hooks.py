"""Calls of a server process to its command."""

from collections.abc import Callable
from dataclasses import dataclass

from rtdash.settings import Settings

NEED_POLL_S = 0.02
"""Pause between two looks at `ProcessHooks.is_needed`."""


# a refusal of new settings, for the log
class ReloadRefused(Exception):  # noqa: N818
    """The settings can't be read again; the text says why."""


@dataclass(frozen=True, slots=True)
class ProcessHooks:
    """Calls of a server process to its command: `on_ready` once it answers, `on_ending` as soon as
    the end has begun, before anything is closed. Requests are answered on while `is_needed` returns
    True: its bound is the command's. `reread` returns the settings anew for a reload, and raises
    ReloadRefused; without it, SIGHUP ends the process.
    """

    on_ready: Callable[[], None]
    on_ending: Callable[[], None]
    is_needed: Callable[[], bool]
    reread: Callable[[], Settings] | None = None
