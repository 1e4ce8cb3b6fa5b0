"""Connections that the open files of a process allow."""

import logging
import resource

from rtdash.settings import Settings

RESERVED_FILES = 128
"""For the store, the broker, the log and the libraries."""
FEWEST_CONNECTIONS = 8

_log = logging.getLogger(__name__)


def fit_to_open_files(settings: Settings) -> tuple[Settings, int]:
    """Return the settings with as many WebSockets as the process can hold, and how many connections
    may speak HTTP beside them. Says so where that is less than was asked for.

    Idle connections must never shut others out: above the bounds one is refused or dropped, while a
    process without a free file could not even accept the next.
    """
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if open_files == resource.RLIM_INFINITY:
        return settings, settings.limits.max_connections
    room = max(2 * FEWEST_CONNECTIONS, open_files - RESERVED_FILES)
    wanted = settings.limits.max_connections or room
    sockets = min(wanted, room * 3 // 4)
    if sockets < settings.limits.max_connections:
        _log.warning(
            "this process may open %d files: it takes %d WebSockets instead of the %d of"
            " RTDASH_MAX_CONNECTIONS; raise the limit (ulimit -n, LimitNOFILE= of systemd)",
            open_files,
            sockets,
            settings.limits.max_connections,
        )
    limits = settings.limits.model_copy(update={"max_connections": sockets})
    return settings.model_copy(update={"limits": limits}), min(wanted, room - sockets)
