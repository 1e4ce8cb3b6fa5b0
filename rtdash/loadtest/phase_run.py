"""Runs one phase: users up, traffic and faults, catching up, and everything that was seen handed to
the verdict.
"""

import asyncio
import random
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from rtdash.client.addresses import socket_url
from rtdash.client.api import Api
from rtdash.client.failures import Problem, Unreachable
from rtdash.loadtest import logs
from rtdash.loadtest.breaking import Breaker
from rtdash.loadtest.canary import Canary
from rtdash.loadtest.evidence import Evidence, Step
from rtdash.loadtest.faults import FaultProxy
from rtdash.loadtest.generator import Generator, GeneratorFailed
from rtdash.loadtest.lifesigns import until_gone
from rtdash.loadtest.operations import Operations
from rtdash.loadtest.orders import Orders, save_heads
from rtdash.loadtest.own_server import ServerFailed
from rtdash.loadtest.publisher import Publisher
from rtdash.loadtest.scenario import Phase
from rtdash.loadtest.setting import Setting
from rtdash.loadtest.watcher import Watcher
from rtdash.protocol.channels import Channel

_STATE_REST_S = 1.0
"""State messages are computed at most 4 times a second: after this long the last one has come."""
_LEAK_WAIT_S = 4.0
_LOOK_EVERY_S = 0.1


async def run_phase(setting: Setting, phase: Phase) -> Evidence:
    """What ends it before its time is told in the evidence. Raises Unreachable, Problem,
    GeneratorFailed when it couldn't even begin.
    """
    # jitter
    api = Api(
        setting.url,
        setting.tokens[0],
        retry_for_s=60,
        connections=32,
        rng=random.Random(setting.seed),  # noqa: S311
    )
    async with api:
        venues = await logs.read_venues(api)
        streams = logs.streams_of(venues, phase.channels)
        phase = phase.model_copy(update={"channels": tuple(stream.channel for stream in streams)})
        events = [
            stream for stream in logs.streams_of(venues, Channel) if not stream.channel.is_state
        ]
        evidence = Evidence(phase, streams, starts=await logs.read_heads(api, events))
        evidence.connections_before = await logs.read_connections(setting.url)
        async with FaultProxy(*setting.proxy_target) as proxy:
            run = _Run(setting, phase, api, proxy, evidence, venues)
            await run.all()
        await _look_for_leaks(setting, evidence)
    return evidence


class _Run:
    """The parts of one phase while it runs."""

    def __init__(
        self,
        setting: Setting,
        phase: Phase,
        api: Api,
        proxy: FaultProxy,
        evidence: Evidence,
        venues: Any,
    ) -> None:
        self._setting = setting
        self._phase = phase
        self._api = api
        self._proxy = proxy
        self._evidence = evidence
        # a load, no secret
        rng = random.Random(f"{setting.seed}/{phase.name}")  # noqa: S311
        folder = Path(tempfile.mkdtemp(prefix=f"{phase.name}-", dir=setting.folder))
        is_proxied = phase.drops is not None or any(storm.kind == "rst" for storm in phase.storms)
        socket = socket_url(setting.url)
        orders = Orders(
            run_id=setting.run_id,
            folder=str(folder),
            url=setting.url,
            socket_url=socket,
            proxy_port=proxy.port if is_proxied else None,
            tokens=setting.tokens,
            venues=venues,
            phase=phase,
            seed=setting.seed,
        )
        self._folder = str(folder)
        self._generator = Generator(orders, processes=setting.processes, with_ui=setting.with_ui)
        self._breaker = Breaker(setting, evidence, proxy, rng)
        self._canary = Canary(
            socket,
            setting.tokens[-1],
            phase.channels,
            setting.run_id,
            heard=evidence.heard,
            rng=rng,
        )
        self._publisher = Publisher(api, Operations(setting.run_id, phase.name, venues, rng))
        self._watcher = Watcher(
            evidence, self._generator.ticks, self._publisher, self._canary, self._server_pid
        )

    async def all(self) -> None:
        """From the first user to the last; what was started is ended in any case."""
        self._generator.start()
        canary, lateness = (
            asyncio.create_task(self._canary.run()),
            asyncio.create_task(self._watcher.feel_lateness()),
        )
        try:
            await self._until_one_dies()
            self._evidence.results = await self._generator.finish()
            canary.cancel()
            await asyncio.wait([canary], timeout=5)
            self._evidence.canary = self._canary
            self._evidence.publisher = self._publisher
            self._evidence.inflicted = self._proxy.inflicted
            self._look_for_results()
        finally:
            for task in (canary, lateness):
                task.cancel()
            await asyncio.gather(canary, lateness, return_exceptions=True)
            self._generator.kill()
        if self._evidence.server_gone is None:
            await self._read_logs()

    async def _until_one_dies(self) -> None:
        """The stages, up to the last or to the death of the server or of the generator. Raises
        GeneratorFailed when no user ever came.
        """
        works = [
            asyncio.create_task(work)
            for work in (self._stages(), self._look_after(), self._hear_of_the_server())
        ]
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for work in done:
                work.result()
        except (ServerFailed, Unreachable) as failure:
            self._evidence.server_gone = self._obituary() or str(failure)
        except Problem as problem:
            self._evidence.invalid.append(
                f"{self._phase.name}: the server would not tell what it has: {problem}"
            )
        except GeneratorFailed as failure:
            if not self._generator.ticks.last:
                raise
            self._evidence.invalid.append(f"{self._phase.name}: {failure}")
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _look_after(self) -> None:
        """Ends only by raising, when the server or the generator has died: GeneratorFailed,
        ServerFailed.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if obituary := self._obituary():
                raise ServerFailed(obituary)
            if obituary := self._generator.obituary:
                raise GeneratorFailed(obituary)

    async def _hear_of_the_server(self) -> None:
        """Ends only by raising Unreachable, when a server that isn't ours, whose end nobody tells
        us, is lost for good.
        """
        if self._setting.server is None:
            await until_gone(
                self._setting.url, self._setting.tokens[0], self._heard, self._setting.gone_after_s
            )
        await asyncio.Event().wait()

    def _heard(self) -> int:
        """Messages and acknowledgements so far."""
        ticks = self._generator.ticks
        return (
            ticks.total("received")
            + ticks.total("acknowledged")
            + len(self._publisher.acknowledged)
        )

    async def _stages(self) -> None:
        if await self._setting.unless_stopped(self._generator.spawned()):
            await self._traffic()
            await self._settle()

    async def _traffic(self) -> None:
        """Publish, break, and watch, until the duration is over or somebody says stop."""
        evidence, phase = self._evidence, self._phase
        self._generator.traffic_begins()
        evidence.began_at = time.monotonic()
        watching, breaking = (
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._breaker.run()),
        )
        publishing = (
            self._ramp() if phase.ramp else self._publish(phase.duration_s, phase.publish_rate)
        )
        try:
            await self._setting.unless_stopped(publishing)
            await self._publisher.drained(phase.settle_s)
            await asyncio.wait([breaking], timeout=phase.settle_s)
            if breaking.done():
                breaking.result()
        finally:
            watching.cancel()
            breaking.cancel()
            await asyncio.gather(watching, breaking, return_exceptions=True)
            await self._publisher.drained(0)
            evidence.ended_at = time.monotonic()

    async def _ramp(self) -> None:
        """Each rate for its part of the duration; up to the first that the server, or the
        generator, doesn't keep up with.
        """
        ticks, acknowledged = self._generator.ticks, self._publisher.acknowledged
        for rate in self._phase.ramp:
            before, verified, began = len(acknowledged), ticks.total("received"), time.monotonic()
            await self._publish(self._phase.duration_s / len(self._phase.ramp), rate)
            ticks.refresh()
            now = time.monotonic()
            reached, verified = len(acknowledged) - before, ticks.total("received") - verified
            self._evidence.steps.append(
                Step(rate, reached / (now - began), verified / (now - began), ticks.age_s(now))
            )
            if self._evidence.knee_is_found:
                return

    async def _publish(self, duration_s: float, rate: float) -> None:
        await self._publisher.run(
            duration_s, rate, self._phase.publish_batch, late_s=self._phase.settle_s
        )

    async def _watch(self) -> None:
        """A sample a second; an SLO that aborts is looked at with each."""
        while True:
            await asyncio.sleep(1)
            sample = self._watcher.sample()
            self._evidence.samples.append(sample)
            self._setting.show(sample, self._evidence)

    async def _settle(self) -> None:
        """Tell the clients where the logs end, and wait until all are there or the time is up."""
        evidence = self._evidence
        await self._generator.writers_ended(self._phase.settle_s)
        until = time.monotonic() + self._phase.settle_s
        heads = await logs.patiently(partial(logs.read_heads, self._api, evidence.starts), until)
        evidence.heads = {stream: position.seq for stream, position in heads.items()}
        save_heads(self._folder, evidence.heads)
        until = time.monotonic() + self._phase.settle_s
        while time.monotonic() < until:
            self._generator.ticks.refresh()
            if self._generator.ticks.is_caught_up and self._canary.follower.is_at(evidence.heads):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.sleep(_STATE_REST_S)
        states = [stream for stream in evidence.streams if stream.channel.is_state]
        evidence.states = await logs.patiently(partial(logs.read_states, self._api, states), until)
        evidence.is_settled = True

    def _look_for_results(self) -> None:
        """A process that worked and left no results: what its clients received isn't known. An
        interrupted one needn't have begun.
        """
        missing = len(self._generator.ticks.last) - self._evidence.results.processes
        if missing > 0 and not self._evidence.invalid:
            self._evidence.invalid.append(
                f"{self._phase.name}: {missing} of the generator's processes died, and what they"
                " saw is not known"
            )

    async def _read_logs(self) -> None:
        until = time.monotonic() + self._phase.settle_s
        try:
            for stream, start in self._evidence.starts.items():
                self._evidence.logs[stream] = await logs.patiently(
                    partial(logs.read_log, self._api, stream, start), until
                )
        except logs.LogUnusable as unusable:
            self._evidence.invalid.append(str(unusable))
        except (Unreachable, Problem) as failure:
            self._evidence.server_gone = self._obituary() or str(failure)

    def _obituary(self) -> str | None:
        return self._setting.server.obituary if self._setting.server else None

    def _server_pid(self) -> int | None:
        return self._setting.server.pid if self._setting.server else None


async def _look_for_leaks(setting: Setting, evidence: Evidence) -> None:
    """All clients have gone: what the server still counts beyond what it counted before has
    leaked.
    """
    if evidence.connections_before is None:
        return
    until = time.monotonic() + _LEAK_WAIT_S
    while True:
        left = await logs.read_connections(setting.url)
        evidence.connections_left = (
            None if left is None else max(0, left - evidence.connections_before)
        )
        if not evidence.connections_left or time.monotonic() > until:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
