"""Paint latency of one phase: the page in a browser beside the clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtdash.loadtest.generator.message_reader import scheduled_of
from rtdash.loadtest.generator.paint_probe import PaintProbe, why_no_browser
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.parts import PhaseParts
from rtdash.loadtest.verdict.observations import Observations


@asynccontextmanager
async def painting(parts: PhaseParts) -> AsyncIterator[PaintProbe | None]:
    """Run the page while the block runs, where the phase asks for it and the machine has a browser;
    else a note says why not.
    """
    probe = _open(parts.context, parts.observations) if parts.phase.browser else None
    if probe is None:
        yield None
        return
    running = asyncio.create_task(probe.collect_paints())
    try:
        yield probe
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _open(context: RunContext, observations: Observations) -> PaintProbe | None:
    reason = why_no_browser()
    if context.mint_code is None:
        reason = "only a server of the run's own signs a browser in"
    if reason is not None or context.mint_code is None:
        observations.notes.append(f"paint latency was not measured: {reason}")
        return None
    return PaintProbe(context.url, context.mint_code())


def match_paints(probe: PaintProbe, parts: PhaseParts) -> None:
    """Record the paint latency of each version that the run made, once the model has seen the
    logs.
    """
    observations = parts.observations
    for paint in probe.paints:
        operation = parts.publisher.model.operation_of(paint.reservation_id, paint.version)
        scheduled = scheduled_of(operation or "", observations.run_id)
        if scheduled is not None and paint.at > scheduled >= observations.began_at:
            observations.paint.record(paint.at - scheduled)
    if probe.failure is not None:
        observations.notes.append(f"the browser failed: {probe.failure}")
    elif not observations.paint.count:
        observations.notes.append("paint latency was not measured: the page showed no change")
