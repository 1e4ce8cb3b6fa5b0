"""Traffic of one phase: publishing, faults and samples, until the duration is over."""

import asyncio
import time

from rtdash.loadtest.run.parts import PhaseParts
from rtdash.loadtest.verdict.observations import RampStep


async def run_traffic(parts: PhaseParts) -> None:
    """Publish, inject faults and take samples until the duration is over or the run is stopped.
    Raises ServerFailed when a server doesn't come back from a storm.
    """
    observations, phase = parts.observations, parts.phase
    parts.generator.traffic_begins()
    observations.began_at = time.monotonic()
    beside = [
        asyncio.create_task(work)
        for work in (
            _sample(parts),
            parts.checker.check_periodically(),
            parts.companions.accompany(),
        )
    ]
    breaking = asyncio.create_task(parts.fault_injector.inject_faults())
    publishing = (
        _ramp(parts) if phase.ramp else _publish(parts, phase.duration_s, phase.publish_rate)
    )
    try:
        await parts.context.unless_stopped(publishing)
        await parts.publisher.drained(phase.settle_s)
        await asyncio.wait([breaking], timeout=phase.settle_s)
        if breaking.done():
            breaking.result()
    finally:
        for task in (*beside, breaking):
            task.cancel()
        await asyncio.gather(*beside, breaking, return_exceptions=True)
        await parts.publisher.drained(0)
        observations.ended_at = time.monotonic()


async def _ramp(parts: PhaseParts) -> None:
    """Publish each rate for its part of the duration, up to the first that the server, or the
    generator, doesn't keep up with.
    """
    phase, reports = parts.phase, parts.generator.reports
    acknowledged = parts.publisher.acknowledged
    for rate in phase.ramp:
        before, verified, began = len(acknowledged), reports.total("received"), time.monotonic()
        await _publish(parts, phase.duration_s / len(phase.ramp), rate)
        reports.refresh()
        now = time.monotonic()
        reached, verified = len(acknowledged) - before, reports.total("received") - verified
        parts.observations.steps.append(
            RampStep(rate, reached / (now - began), verified / (now - began), reports.age_s(now))
        )
        if parts.observations.knee_is_found:
            return


async def _publish(parts: PhaseParts, duration_s: float, rate: float) -> None:
    phase = parts.phase
    await parts.publisher.publish(duration_s, rate, phase.publish_batch, late_s=phase.settle_s)


async def _sample(parts: PhaseParts) -> None:
    """Take a sample a second, and check the SLOs that abort with each."""
    while True:
        await asyncio.sleep(1)
        sample = parts.sampler.sample()
        parts.observations.samples.append(sample)
        parts.context.show(sample, parts.observations)
