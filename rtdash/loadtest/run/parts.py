"""Parts of one phase: generator, probe, publisher, fault proxy, sampler, wired to each other."""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rtdash.client.addresses import socket_url
from rtdash.client.api import Api
from rtdash.loadtest.generator.fault_proxy import FaultProxy
from rtdash.loadtest.generator.locust_process import LocustProcess
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.generator.probe_client import ProbeClient
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.run_config import RunConfig, TargetVenue
from rtdash.loadtest.plan.scenario import Phase
from rtdash.loadtest.run.companions import Companions
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.run.fault_injector import FaultInjector
from rtdash.loadtest.run.rest_checker import RestChecker
from rtdash.loadtest.run.sampler import Sampler
from rtdash.loadtest.verdict.observations import Observations


@dataclass(frozen=True, slots=True)
class PhaseParts:
    """Parts of one phase. `folder`: where the generator's processes read and write files."""

    context: RunContext
    phase: Phase
    api: Api
    proxy: FaultProxy
    observations: Observations
    folder: str
    generator: LocustProcess
    fault_injector: FaultInjector
    probe: ProbeClient
    publisher: Publisher
    sampler: Sampler
    checker: RestChecker
    companions: Companions
    venues: tuple[TargetVenue, ...]

    @property
    def server_exit_reason(self) -> str | None:
        """Return how a server of our own ended by itself, if it did."""
        return self.context.server.exit_reason if self.context.server else None


def build_parts(
    context: RunContext,
    api: Api,
    proxy: FaultProxy,
    observations: Observations,
    venues: tuple[TargetVenue, ...],
) -> PhaseParts:
    """Make the parts of a phase; nothing is started yet."""
    phase = observations.phase
    # a load, no secret
    rng = random.Random(f"{context.seed}/{phase.name}")  # noqa: S311
    folder = tempfile.mkdtemp(prefix=f"{phase.name}-", dir=context.folder)
    config = _config(context, phase, proxy, venues, folder)
    generator = LocustProcess(config, processes=context.processes, with_ui=context.with_ui)
    probe = ProbeClient(
        config.socket_url,
        context.tokens[-1],
        phase.channels,
        context.run_id,
        heard=observations.heard,
        rng=rng,
        venues=venues,
    )
    publisher = Publisher(
        api,
        OperationSource(context.run_id, phase.name, venues, rng),
        {venue.id: venue.timezone for venue in venues},
    )

    return PhaseParts(
        context=context,
        phase=phase,
        api=api,
        proxy=proxy,
        observations=observations,
        folder=folder,
        generator=generator,
        fault_injector=FaultInjector(context, observations, proxy, rng),
        probe=probe,
        publisher=publisher,
        sampler=Sampler(observations, generator.reports, publisher, probe, context.server_pid),
        checker=RestChecker(api, venues, publisher, rng),
        companions=Companions(context, observations),
        venues=venues,
    )


def _config(
    context: RunContext,
    phase: Phase,
    proxy: FaultProxy,
    venues: tuple[TargetVenue, ...],
    folder: str,
) -> RunConfig:
    is_proxied = phase.drops is not None or any(storm.kind == "rst" for storm in phase.storms)
    return RunConfig(
        run_id=context.run_id,
        folder=str(Path(folder)),
        url=context.url,
        socket_url=socket_url(context.url),
        proxy_port=proxy.port if is_proxied else None,
        tokens=context.tokens,
        limited_tokens=context.limited_tokens,
        venues=venues,
        phase=phase,
        seed=context.seed,
    )
