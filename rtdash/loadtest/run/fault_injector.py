"""Faults from outside during a phase: on single connections at random instants, and storms."""

import asyncio
import random
import signal
import time

from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy
from rtdash.loadtest.plan.scenario import Storm
from rtdash.loadtest.run.context import RunContext
from rtdash.loadtest.verdict.observations import Observations

_FAULTS_UNTIL = 0.8
"""Of the traffic's duration: the last ones are to have recovered before its end."""


class FaultInjector:
    """Injector of the faults that the phase asks for; it records when."""

    def __init__(
        self, context: RunContext, observations: Observations, proxy: FaultProxy, rng: random.Random
    ) -> None:
        self._context = context
        self._observations = observations
        self._proxy = proxy
        self._rng = rng

    async def inject_faults(self) -> None:
        """Inject all faults; those that have not begun when the run is stopped are left out. Raises
        ServerFailed when the server doesn't come back.
        """
        await asyncio.gather(
            self._break(), *(self._storm(storm) for storm in self._observations.phase.storms)
        )

    async def _break(self) -> None:
        """Inject faults into single connections through the proxy."""
        phase = self._observations.phase
        drops = phase.drops
        kinds = (
            {Fault.FIN: drops.fin, Fault.RST: drops.rst, Fault.HALF_OPEN: drops.half_open}
            if drops
            else {}
        )
        per_s = sum(kinds.values()) / 60
        until = self._observations.began_at + phase.duration_s * _FAULTS_UNTIL
        while per_s:
            if (
                not await self._may_go_on_after(self._rng.expovariate(per_s))
                or time.monotonic() > until
            ):
                return
            if connections := self._proxy.connections:
                fault = self._rng.choices(list(kinds), list(kinds.values()))[0]
                self._observations.first_fault_at = (
                    self._observations.first_fault_at or time.monotonic()
                )
                self._proxy.inject(fault, [self._rng.choice(connections)])

    async def _storm(self, storm: Storm) -> None:
        """Hit all connections at once. A storm that has begun is brought to its end, so that the
        clients find a server to come back to.
        """
        if not await self._may_go_on_after(storm.at_s):
            return
        self._observations.storms.append(time.monotonic())
        self._observations.first_fault_at = self._observations.first_fault_at or time.monotonic()
        server = self._context.server
        if storm.kind == "rst" or server is None:
            await self._proxy.refuse()
            self._proxy.inject(Fault.RST, self._proxy.connections)
            await asyncio.sleep(storm.down_s)
            await self._proxy.admit()
            return
        await server.end(signal.SIGKILL if storm.kind == "sigkill" else signal.SIGTERM)
        await asyncio.sleep(storm.down_s)
        await server.start()

    async def _may_go_on_after(self, seconds: float) -> bool:
        return await self._context.unless_stopped(asyncio.sleep(seconds))
