"""Runs one phase: users up, traffic and faults, catching up, and everything that was seen handed to the verdict."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtdash.client.addresses import socket_url
from rtdash.client.api import Api
from rtdash.loadtest import logs
from rtdash.loadtest.canary import Canary
from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.faults import Fault, FaultProxy
from rtdash.loadtest.generator import Generator
from rtdash.loadtest.operations import Operations
from rtdash.loadtest.orders import Orders, save_heads
from rtdash.loadtest.own_server import OwnServer
from rtdash.loadtest.publisher import Publisher
from rtdash.loadtest.samples import Sample
from rtdash.loadtest.scenario import Phase, Storm
from rtdash.loadtest.watcher import Watcher
from rtdash.protocol.channels import Channel

_FAULTS_UNTIL = 0.8
"""Of the traffic's duration: the last ones are to have recovered before its end."""
_STATE_REST_S = 1.0
"""State messages are computed at most 4 times a second: after this long the last one has come."""
_LEAK_WAIT_S = 4.0
_LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class Setting:
    """What all phases of a run share. `should_stop` is set by a Ctrl-C or by a broken SLO that aborts."""

    url: str
    tokens: tuple[str, ...]
    folder: Path
    run_id: str
    seed: int
    processes: int
    with_ui: bool
    server: OwnServer | None
    should_stop: asyncio.Event
    show: Callable[[Sample, Evidence], None]
    proxy_target: tuple[str, int] = field(default=("127.0.0.1", 0))


async def run_phase(setting: Setting, phase: Phase) -> Evidence:
    """Raises Unreachable, Problem, GeneratorFailed, ServerFailed; LogUnusable is told in the evidence."""
    api = Api(setting.url, setting.tokens[0], retry_for_s=60, connections=32, rng=random.Random(setting.seed))  # noqa: S311 - jitter
    async with api:
        venues = await logs.read_venues(api)
        streams = logs.streams_of(venues, phase.channels)
        phase = phase.model_copy(update={"channels": tuple(stream.channel for stream in streams)})
        events = [stream for stream in logs.streams_of(venues, Channel) if not stream.channel.is_state]
        evidence = Evidence(phase, streams, starts=await logs.read_heads(api, events))
        evidence.connections_before = await logs.read_connections(setting.url)
        async with FaultProxy(*setting.proxy_target) as proxy:
            run = _Run(setting, phase, api, proxy, evidence, venues)
            await run.all()
        await _look_for_leaks(setting, evidence)
    return evidence


class _Run:
    """The parts of one phase while it runs."""

    def __init__(self, setting: Setting, phase: Phase, api: Api, proxy: FaultProxy, evidence: Evidence, venues: Any) -> None:
        self._setting = setting
        self._phase = phase
        self._api = api
        self._proxy = proxy
        self._evidence = evidence
        self._rng = random.Random(f"{setting.seed}/{phase.name}")  # noqa: S311 - a load, no secret
        folder = setting.folder / phase.name
        folder.mkdir(mode=0o700)
        is_proxied = phase.drops is not None or any(storm.kind == "rst" for storm in phase.storms)
        direct = socket_url(setting.url)
        orders = Orders(
            run_id=setting.run_id,
            folder=str(folder),
            url=setting.url,
            socket_url=direct,
            proxied_url=socket_url(f"http://127.0.0.1:{proxy.port}") if is_proxied else None,
            tokens=setting.tokens,
            venues=venues,
            phase=phase,
            seed=setting.seed,
        )
        self._folder = str(folder)
        self._generator = Generator(orders, processes=setting.processes, with_ui=setting.with_ui)
        self._canary = Canary(direct, setting.tokens[-1], phase.channels, setting.run_id, heard=evidence.heard, rng=self._rng)
        operations = Operations(setting.run_id, f"{phase.name}", venues, self._rng)
        self._publisher = Publisher(api, operations, is_over=setting.should_stop.is_set)
        self._watcher = Watcher(evidence, self._generator.ticks, self._publisher, self._canary, self._server_pid)

    async def all(self) -> None:
        """From the first user to the last; what was started is ended in any case."""
        self._generator.start()
        background = [asyncio.create_task(self._canary.run()), asyncio.create_task(self._watcher.feel_lateness())]
        try:
            await self._generator.spawned()
            await self._traffic()
            await self._settle()
            self._evidence.results = await self._generator.finish()
            background[0].cancel()
            await asyncio.wait(background[:1], timeout=5)
            self._evidence.canary = self._canary
            self._evidence.publisher = self._publisher
            self._evidence.inflicted = self._proxy.inflicted
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self._generator.kill()
        await self._read_logs()

    async def _traffic(self) -> None:
        """Publish, break, and watch, until the duration is over or somebody says stop."""
        evidence, phase = self._evidence, self._phase
        self._generator.traffic_begins()
        evidence.began_at = time.monotonic()
        watching = asyncio.create_task(self._watch())
        breaking = [asyncio.create_task(self._break()), *(asyncio.create_task(self._storm(storm)) for storm in phase.storms)]
        try:
            await (self._ramp() if phase.ramp else self._publisher.run(phase.duration_s, phase.publish_rate, phase.publish_batch))
            await asyncio.wait([asyncio.create_task(self._publisher.drained())], timeout=phase.settle_s)
            _, storming = await asyncio.wait(breaking, timeout=phase.settle_s)
            for task in storming:
                task.cancel()
            for task in breaking:
                if task.done():
                    task.result()
        finally:
            for task in (watching, *breaking):
                task.cancel()
            await asyncio.gather(watching, *breaking, return_exceptions=True)
            evidence.ended_at = time.monotonic()

    async def _ramp(self) -> None:
        """Each rate for its part of the duration; up to the first that the server doesn't keep up with."""
        part_s = self._phase.duration_s / len(self._phase.ramp)
        for rate in self._phase.ramp:
            before, began = len(self._publisher.acknowledged), time.monotonic()
            await self._publisher.run(part_s, rate, self._phase.publish_batch)
            reached = (len(self._publisher.acknowledged) - before) / (time.monotonic() - began)
            self._evidence.steps.append((rate, reached))
            if self._setting.should_stop.is_set() or self._evidence.knee_is_found:
                return

    async def _break(self) -> None:
        """Faults of single connections through the proxy, at random instants."""
        drops = self._phase.drops
        kinds = {Fault.FIN: drops.fin, Fault.RST: drops.rst, Fault.HALF_OPEN: drops.half_open} if drops else {}
        per_s = sum(kinds.values()) / 60
        until = self._evidence.began_at + self._phase.duration_s * _FAULTS_UNTIL
        while per_s:
            await asyncio.sleep(self._rng.expovariate(per_s))
            if time.monotonic() > until:
                return
            if passages := self._proxy.passages:
                fault = self._rng.choices(list(kinds), list(kinds.values()))[0]
                self._evidence.first_fault_at = self._evidence.first_fault_at or time.monotonic()
                self._proxy.inflict(fault, [self._rng.choice(passages)])

    async def _storm(self, storm: Storm) -> None:
        """All at once."""
        await asyncio.sleep(storm.at_s)
        self._evidence.storms.append(time.monotonic())
        self._evidence.first_fault_at = self._evidence.first_fault_at or time.monotonic()
        server = self._setting.server
        if storm.kind == "rst" or server is None:
            await self._proxy.refuse()
            self._proxy.inflict(Fault.RST, self._proxy.passages)
            await asyncio.sleep(storm.down_s)
            await self._proxy.admit()
            return
        await server.end(signal.SIGKILL if storm.kind == "sigkill" else signal.SIGTERM)
        await asyncio.sleep(storm.down_s)
        await server.start()

    async def _watch(self) -> None:
        """A sample a second; an SLO that aborts is looked at with each."""
        while True:
            await asyncio.sleep(1)
            sample = self._watcher.sample()
            self._evidence.samples.append(sample)
            self._setting.show(sample, self._evidence)

    async def _settle(self) -> None:
        """Tell the clients where the logs end, and wait until all are there or the time is up."""
        await self._generator.writers_ended(self._phase.settle_s)
        heads = await logs.read_heads(self._api, self._evidence.starts)
        self._evidence.heads = {stream: position.seq for stream, position in heads.items()}
        save_heads(self._folder, self._evidence.heads)
        until = time.monotonic() + self._phase.settle_s
        while time.monotonic() < until and self._generator.is_running:
            self._generator.ticks.refresh()
            if self._generator.ticks.is_caught_up and self._canary.follower.is_at(self._evidence.heads):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.sleep(_STATE_REST_S)
        self._evidence.states = await logs.read_states(self._api, [stream for stream in self._evidence.streams if stream.channel.is_state])

    async def _read_logs(self) -> None:
        for stream, start in self._evidence.starts.items():
            try:
                self._evidence.logs[stream] = await logs.read_log(self._api, stream, start)
            except logs.LogUnusable as unusable:
                self._evidence.invalid.append(str(unusable))

    def _server_pid(self) -> int | None:
        return self._setting.server.pid if self._setting.server else None


async def _look_for_leaks(setting: Setting, evidence: Evidence) -> None:
    """All clients have gone: what the server still counts beyond what it counted before has leaked."""
    if evidence.connections_before is None:
        return
    until = time.monotonic() + _LEAK_WAIT_S
    while True:
        left = await logs.read_connections(setting.url)
        evidence.connections_left = None if left is None else max(0, left - evidence.connections_before)
        if not evidence.connections_left or time.monotonic() > until:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
