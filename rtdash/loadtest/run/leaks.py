"""Leaks: connections and open files that a server keeps after all clients of a phase have gone."""

import asyncio
import time

from rtdash.loadtest.generator.fault_proxy import Fault
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.server_metrics import read_metrics
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import read_usage

_WAIT_S = 8.0
"""Longer than a server waits for the answer to its Close (rtdash: 5 s), of a client that ended
without one.
"""
_SLACK_S = 3.0
_CHECK_EVERY_S = 0.2


async def count_before(context: RunContext, observations: Observations) -> None:
    """Record what the server has before the first client of the phase."""
    observations.connections_before, observations.files_before = await _count(context)


async def count_leaks(context: RunContext, observations: Observations) -> None:
    """Record what the server has after the last client, beyond what it had before. Half-open
    connections get the time in which its heartbeat must find them.
    """
    if observations.connections_before is None and observations.files_before is None:
        return
    half_open = [one.at for one in observations.injected if one.fault is Fault.HALF_OPEN]
    until = time.monotonic() + _WAIT_S
    if half_open:
        until = max(until, max(half_open) + context.heartbeat_s + _SLACK_S)
    while True:
        connections, files = await _count(context)
        before = observations.connections_before
        if connections is not None and before is not None:
            observations.connections_left = max(0, connections - before)
        if files is not None and observations.files_before is not None:
            observations.files_left = max(0.0, files - observations.files_before)
        if not observations.connections_left or time.monotonic() > until:
            return
        await asyncio.sleep(_CHECK_EVERY_S)


async def _count(context: RunContext) -> tuple[int | None, float | None]:
    """Return the connections without the silent client's, and the open files."""
    metrics = await read_metrics(context.url)
    usage = read_usage(context.server.pid) if context.server else None
    silent = int(context.silent is not None and context.silent.is_open)
    connections = None if metrics is None or metrics.connections is None else metrics.connections
    if connections is not None:
        connections = max(0, connections - silent)
    published = None if metrics is None else metrics.open_files
    return connections, published if usage is None else usage.open_files
