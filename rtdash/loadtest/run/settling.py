"""End of one phase: clients catch up, the server's log and states are read, leaks are counted."""

import asyncio
import time
from functools import partial

from rtdash.client.failures import Problem, Unreachable
from rtdash.loadtest.generator.run_config import save_heads
from rtdash.loadtest.run import server_log
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.parts import PhaseParts
from rtdash.loadtest.verdict.observations import Observations

_STATE_REST_S = 1.0
"""State messages are computed at most 4 times a second: after this long the last one has come."""
_LEAK_WAIT_S = 4.0
_CHECK_EVERY_S = 0.1


async def settle(parts: PhaseParts) -> None:
    """Give the clients the heads of the logs, and wait until all are there or the time is up."""
    observations, settle_s = parts.observations, parts.phase.settle_s
    await parts.generator.writers_ended(settle_s)
    until = time.monotonic() + settle_s
    read_heads = partial(server_log.read_heads, parts.api, observations.starts)
    heads = await server_log.patiently(read_heads, until)
    observations.heads = {stream: position.seq for stream, position in heads.items()}
    save_heads(parts.folder, observations.heads)
    until = time.monotonic() + settle_s
    while time.monotonic() < until:
        parts.generator.reports.refresh()
        has_all = parts.probe.follower.is_at(observations.heads)
        if parts.generator.reports.is_caught_up and has_all:
            break
        await asyncio.sleep(_CHECK_EVERY_S)
    await asyncio.sleep(_STATE_REST_S)
    states = [stream for stream in observations.streams if stream.channel.is_state]
    read_states = partial(server_log.read_states, parts.api, states)
    observations.states = await server_log.patiently(read_states, until)
    observations.is_settled = True


async def read_logs(parts: PhaseParts) -> None:
    """Read the log of each event stream from where it stood before the phase."""
    observations = parts.observations
    until = time.monotonic() + parts.phase.settle_s
    try:
        for stream, start in observations.starts.items():
            read_log = partial(server_log.read_log, parts.api, stream, start)
            observations.logs[stream] = await server_log.patiently(read_log, until)
    except server_log.LogUnusable as unusable:
        observations.invalid.append(str(unusable))
    except (Unreachable, Problem) as failure:
        observations.server_gone = parts.server_exit_reason or str(failure)


async def count_leaks(context: RunContext, observations: Observations) -> None:
    """Count the connections that the server still has after all clients have gone, beyond those
    that it had before.
    """
    if observations.connections_before is None:
        return
    until = time.monotonic() + _LEAK_WAIT_S
    while True:
        left = await server_log.read_connections(context.url)
        observations.connections_left = (
            None if left is None else max(0, left - observations.connections_before)
        )
        if not observations.connections_left or time.monotonic() > until:
            return
        await asyncio.sleep(_CHECK_EVERY_S)
