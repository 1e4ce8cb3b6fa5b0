"""Drain: close every connection of a process, spread over time, before the process ends."""

import asyncio
import logging
from collections.abc import Mapping
from math import ceil
from typing import Protocol

from rtdash.protocol.codes import CloseCode
from rtdash.server.logs import facts
from rtdash.server.ws.connection import ServerConnection
from rtdash.server.ws.farewell import JITTER_MS
from rtdash.settings import Limits

FAREWELL_S = 1.5
"""Time in which a drain waits for the last answers to its Closes."""

JITTER_MS_A_CONNECTION = 2
"""Spread of the clients' returns, for each connection that is closed: 500 return a second."""

_log = logging.getLogger(__name__)


class Drained(Protocol):
    """Registry of connections, as its drain needs it. `drain_left_s` is what remains of the drain
    window once it has begun; from then on nothing is admitted.
    """

    limits: Limits
    drain_left_s: float | None

    @property
    def connections(self) -> Mapping[ServerConnection, None]:
        """The open connections, in the order in which they came."""

    def now(self) -> float:
        """Return the seconds of the clock by which durations go."""

    async def wait_until_empty(self, timeout_s: float) -> None:
        """Wait until the last connection has ended, for that long at most."""

    def abort_all(self) -> None:
        """Abort the connections that are left."""


async def drain(manager: Drained, reason: str) -> None:
    """Close all connections of the manager, spread over the drain window."""
    start = manager.now()
    window_s = manager.limits.drain_window_s
    allowance_ms = ceil(manager.limits.restart_allowance_s * 1000)
    manager.drain_left_s = window_s
    leaving = list(manager.connections)
    _log.info("draining: %s", reason, extra=facts(connections=len(leaving), window_s=window_s))
    for index, connection in enumerate(leaving):
        wait_s = start + window_s * index / len(leaving) - manager.now()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        manager.drain_left_s = max(0.0, start + window_s - manager.now())
        connection.close(
            CloseCode.RESTART,
            reason,
            retry_after_ms=ceil(manager.drain_left_s * 1000) + allowance_ms,
            jitter_ms=JITTER_MS + JITTER_MS_A_CONNECTION * len(leaving),
        )
    await manager.wait_until_empty(FAREWELL_S)
    manager.abort_all()
