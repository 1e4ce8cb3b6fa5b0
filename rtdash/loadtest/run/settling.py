"""End of one phase: clients catch up, then the server's log, states and figures are read."""

import asyncio
import time
from functools import partial

from rtdash.client.api_errors import Problem, Unreachable
from rtdash.loadtest.generator.run_config import save_heads
from rtdash.loadtest.run import server_log
from rtdash.loadtest.run.availability_checker import check_availability
from rtdash.loadtest.run.figures_checker import check_figures
from rtdash.loadtest.run.parts import PhaseParts

_STATE_REST_S = 1.0
"""State messages are computed at most 4 times a second: after this long the last one has come."""
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
    await check_figures(parts.checker, parts.venues, parts.probe.follower.states)
    parts.probe.clock.give_up(time.monotonic())
    observations.is_settled = True


async def read_logs(parts: PhaseParts) -> None:
    """Read the log of each event stream from where it stood before the phase, and hold what REST
    showed against it.
    """
    observations = parts.observations
    until = time.monotonic() + parts.phase.settle_s
    try:
        for stream, start in observations.starts.items():
            read_log = partial(
                server_log.read_log, parts.api, stream, start, parts.publisher.model.check_event
            )
            observations.logs[stream] = await server_log.patiently(read_log, until)
        if observations.is_settled:
            parts.publisher.check_announcements()
            await parts.checker.check_end(parts.publisher.model)
            await check_availability(parts.checker, parts.venues, parts.publisher.model)
    except server_log.LogUnusable as unusable:
        observations.invalid.append(str(unusable))
    except (Unreachable, Problem) as failure:
        observations.server_gone = parts.server_exit_reason or str(failure)
