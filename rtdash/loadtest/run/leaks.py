"""Leaks: connections, open files and sessions that a server keeps after all clients of a phase have
gone.
"""

import asyncio
import time
from dataclasses import dataclass

from rtdash.loadtest.generator.fault_proxy import Fault
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.server_metrics import ServerMetrics, read_metrics
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import read_usage

_WAIT_S = 8.0
"""Longer than a server waits for the answer to its Close (rtdash: 5 s), of a client that ended
without one.
"""
_SLACK_S = 3.0
_SESSION_SLACK_S = 30.0
"""Beyond the time after which a session ends: until the server counts again."""
_SESSIONS_BESIDE = 5
"""Sessions that no counter has: a browser's, or an answer that a dropped client never got."""
_FILES_S = 30.0
"""In which a server on a busy machine closes what its clients have closed."""
MOST_FILES = 16
"""Files that pools open when they are first needed."""
_CHECK_EVERY_S = 0.2


async def count_before(context: RunContext, observations: Observations) -> None:
    """Record what the server has before the first client of the phase."""
    counts = await _count(context)
    observations.connections_before, observations.files_before = counts.connections, counts.files
    if context.sessions_before is None:
        context.sessions_before = counts.sessions


async def count_leaks(context: RunContext, observations: Observations) -> None:
    """Record what the server has after the last client, beyond what it had before. Half-open
    connections get the time in which its heartbeat must find them.
    """
    _add_sessions_made(context, observations)
    if observations.connections_before is None and observations.files_before is None:
        return
    files_until = time.monotonic() + _FILES_S
    half_open = [one.at for one in observations.injected if one.fault is Fault.HALF_OPEN]
    until = time.monotonic() + _WAIT_S
    if half_open:
        until = max(until, max(half_open) + context.heartbeat_s + _SLACK_S)
    if context.session_ttl_s is not None:
        until = max(until, time.monotonic() + context.session_ttl_s + _SESSION_SLACK_S)
    while True:
        _compare(context, observations, await _count(context))
        are_left = observations.connections_left or observations.sessions_left
        # The file of a connection that is left is as open as that: only others are waited for.
        others = (observations.files_left or 0) - (observations.connections_left or 0)
        is_open = others > MOST_FILES
        now = time.monotonic()
        if not (are_left and now <= until) and not (is_open and now <= files_until):
            return
        await asyncio.sleep(_CHECK_EVERY_S)


def _add_sessions_made(context: RunContext, observations: Observations) -> None:
    """Add the sessions that the clients of this phase may have made: one a fresh subscribe."""
    probed = 0 if observations.probe is None else observations.probe.stats.fresh
    context.sessions_made += observations.results.fresh + probed + observations.sessions_made


def _compare(context: RunContext, observations: Observations, counts: "_Counts") -> None:
    before = observations.connections_before
    if counts.connections is not None and before is not None:
        observations.connections_left = max(0, counts.connections - before)
    if counts.files is not None and observations.files_before is not None:
        observations.files_left = max(0.0, counts.files - observations.files_before)
    if counts.sessions is None or context.sessions_before is None:
        return
    silent = 0 if context.silent is None else len(context.silent.closed_after_s) + 1
    may_be = context.sessions_made + silent + _SESSIONS_BESIDE
    if context.session_ttl_s is not None:
        # All have gone but the silent client, which comes again each time.
        may_be = min(may_be, silent + _SESSIONS_BESIDE)
    observations.sessions_left = max(0, counts.sessions - context.sessions_before - may_be)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Connections without the silent client's, open files, stored sessions; None where unknown."""

    connections: int | None
    files: float | None
    sessions: int | None


async def _count(context: RunContext) -> _Counts:
    metrics = await read_metrics(context.url) or ServerMetrics()
    usage = read_usage(context.server.pid) if context.server else None
    silent = int(context.silent is not None and context.silent.is_open)
    connections = metrics.connections
    if connections is not None:
        connections = max(0, connections - silent)
    files = metrics.open_files if usage is None else usage.open_files
    return _Counts(connections, files, metrics.sessions)
