"""Conduct of one phase: users up, traffic and faults, catching up; all observations go to the
verdict.
"""

import asyncio
import random
from pathlib import Path

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem, Unreachable
from rtdash.loadtest.generator.fault_proxy import FaultProxy
from rtdash.loadtest.generator.locust_process import GeneratorFailed
from rtdash.loadtest.plan.scenario import Phase
from rtdash.loadtest.run import server_log
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.leaks import count_before, count_leaks
from rtdash.loadtest.run.machine import probe_disk
from rtdash.loadtest.run.own_server import ServerFailed
from rtdash.loadtest.run.painting import match_paints, painting
from rtdash.loadtest.run.parts import PhaseParts, build_parts
from rtdash.loadtest.run.server_liveness import watch_liveness
from rtdash.loadtest.run.settling import read_logs, settle
from rtdash.loadtest.run.target_venues import read_venues
from rtdash.loadtest.run.traffic import run_traffic
from rtdash.loadtest.verdict.observations import Observations
from rtdash.protocol.channels import Channel

_CHECK_EVERY_S = 0.1
_API_CONNECTIONS = 32
_RETRY_FOR_S = 60


async def run_phase(context: RunContext, phase: Phase) -> Observations:
    """Run one phase and return what was observed, also when it ended early. Raises Unreachable,
    Problem, GeneratorFailed when it couldn't begin.
    """
    api = Api(
        context.url,
        context.tokens[0],
        retry_for_s=_RETRY_FOR_S,
        connections=_API_CONNECTIONS,
        rng=random.Random(context.seed),  # noqa: S311 - jitter
    )
    async with api:
        venues = await read_venues(api)
        streams = server_log.streams_of(venues, phase.channels)
        phase = phase.model_copy(update={"channels": tuple(stream.channel for stream in streams)})
        events = [
            stream
            for stream in server_log.streams_of(venues, Channel)
            if not stream.channel.is_state
        ]
        starts = await server_log.read_heads(api, events)
        observations = Observations(phase, context.run_id, streams, starts, venues)
        silent = context.fall_silent(stream.channel for stream in events)
        await count_before(context, observations)
        async with FaultProxy(*context.proxy_target) as proxy:
            await PhaseRunner(build_parts(context, api, proxy, observations, venues)).run()
            # The run's own requests hold files of the server, the more the later it answers.
            await api.close()
            # Before the proxy closes: a half-open connection is the server's to notice.
            await count_leaks(context, observations)
        observations.half_open_kept = silent.kept
    return observations


class PhaseRunner:
    """Runner of one phase: it starts and ends the parts, and watches for the death of one."""

    def __init__(self, parts: PhaseParts) -> None:
        self._parts = parts
        self._observations = parts.observations
        self._generator = parts.generator

    async def run(self) -> None:
        """Run the phase from the first user to the last; all parts are ended in any case."""
        parts, observations = self._parts, self._observations
        self._generator.start()
        probing = asyncio.create_task(parts.probe.follow())
        beside = [
            asyncio.create_task(work)
            for work in (
                parts.sampler.record_lateness(),
                parts.sampler.record_stops(),
                parts.sampler.scrape(parts.context.url),
                probe_disk(Path(parts.folder), observations.disk),
            )
        ]
        try:
            async with painting(parts) as page:
                await self._until_one_dies(beside)
            observations.results = await self._generator.finish()
            probing.cancel()
            await asyncio.wait([probing], timeout=5)
            observations.probe = parts.probe
            observations.publisher = parts.publisher
            observations.injected = parts.proxy.injected
            observations.model = parts.publisher.model
            observations.rest = parts.checker.findings
            self._check_results()
        finally:
            for task in (probing, *beside):
                task.cancel()
            await asyncio.gather(probing, *beside, return_exceptions=True)
            self._generator.kill()
        if observations.server_gone is None:
            await read_logs(parts)
        if page is not None:
            match_paints(page, parts)

    async def _until_one_dies(self, beside: "list[asyncio.Task[None]]") -> None:
        """Run the stages up to the last, or to the death of the server or of the generator. Raises
        GeneratorFailed when no user ever came.
        """
        name = self._parts.phase.name
        works = [
            asyncio.create_task(work)
            for work in (self._stages(), self._watch_processes(), self._watch_foreign_server())
        ]
        try:
            done, _ = await asyncio.wait([*works, *beside], return_when=asyncio.FIRST_COMPLETED)
            for work in done:
                work.result()
        except (ServerFailed, Unreachable) as failure:
            self._observations.server_gone = self._parts.server_exit_reason or str(failure)
        except Problem as problem:
            self._observations.invalid.append(
                f"{name}: the server's log could not be read: {problem}"
            )
        except GeneratorFailed as failure:
            if not self._generator.reports.last:
                raise
            self._observations.invalid.append(f"{name}: {failure}")
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _stages(self) -> None:
        if await self._parts.context.unless_stopped(self._generator.spawned()):
            await run_traffic(self._parts)
            await settle(self._parts)

    async def _watch_processes(self) -> None:
        """Watch the processes; end only by raising GeneratorFailed or ServerFailed when one has
        died.
        """
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            if exit_reason := self._parts.server_exit_reason:
                raise ServerFailed(exit_reason)
            if exit_reason := self._generator.exit_reason:
                raise GeneratorFailed(exit_reason)

    async def _watch_foreign_server(self) -> None:
        """Watch a server that the run didn't start; end only by raising Unreachable when it is
        lost.
        """
        context = self._parts.context
        if context.server is None:
            await watch_liveness(
                context.url, context.tokens[0], self._count_signs, context.gone_after_s
            )
        await asyncio.Event().wait()

    def _count_signs(self) -> int:
        """Return the number of messages and acknowledgements so far."""
        reports = self._generator.reports
        acknowledged = len(self._parts.publisher.acknowledged)
        return reports.total("received") + reports.total("acknowledged") + acknowledged

    def _check_results(self) -> None:
        """Make the run invalid when a process left no results: what its clients received is
        unknown. An interrupted process needn't have begun.
        """
        missing = len(self._generator.reports.last) - self._observations.results.processes
        if missing > 0 and not self._observations.invalid:
            self._observations.invalid.append(
                f"{self._parts.phase.name}: {missing} of the generator's processes died, and what"
                " they received is not known"
            )
