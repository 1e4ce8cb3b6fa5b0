"""Calls of a server process to its command."""

from collections.abc import Callable
from dataclasses import dataclass

from rtdash.settings import Settings


# a refusal of new settings, for the log
class ReloadRefused(Exception):  # noqa: N818
    """The settings can't be read again; the text says why."""


@dataclass(frozen=True, slots=True)
class ProcessHooks:
    """Calls of a server process to its command: `on_ready` once it answers, `on_ending` as soon as
    the end has begun, before anything is closed. `reread` returns the settings anew for a reload,
    and raises ReloadRefused; without it, SIGHUP ends the process.
    """

    on_ready: Callable[[], None]
    on_ending: Callable[[], None]
    reread: Callable[[], Settings] | None = None
