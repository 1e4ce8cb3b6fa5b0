"""What befalls connections and the server from outside during a phase: single faults at random
instants, and storms.
"""

import asyncio
import random
import signal
import time

from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.faults import Fault, FaultProxy
from rtdash.loadtest.scenario import Storm
from rtdash.loadtest.setting import Setting

_FAULTS_UNTIL = 0.8
"""Of the traffic's duration: the last ones are to have recovered before its end."""


class Breaker:
    """Breaks what the evidence's phase asks for, and writes down when."""

    def __init__(
        self, setting: Setting, evidence: Evidence, proxy: FaultProxy, rng: random.Random
    ) -> None:
        self._setting = setting
        self._evidence = evidence
        self._proxy = proxy
        self._rng = rng

    async def run(self) -> None:
        """All of it; what hasn't begun when somebody says stop is left out. Raises ServerFailed
        when the server doesn't come back.
        """
        await asyncio.gather(
            self._break(), *(self._storm(storm) for storm in self._evidence.phase.storms)
        )

    async def _break(self) -> None:
        """Faults of single connections through the proxy."""
        phase = self._evidence.phase
        drops = phase.drops
        kinds = (
            {Fault.FIN: drops.fin, Fault.RST: drops.rst, Fault.HALF_OPEN: drops.half_open}
            if drops
            else {}
        )
        per_s = sum(kinds.values()) / 60
        until = self._evidence.began_at + phase.duration_s * _FAULTS_UNTIL
        while per_s:
            if (
                not await self._may_go_on_after(self._rng.expovariate(per_s))
                or time.monotonic() > until
            ):
                return
            if passages := self._proxy.passages:
                fault = self._rng.choices(list(kinds), list(kinds.values()))[0]
                self._evidence.first_fault_at = self._evidence.first_fault_at or time.monotonic()
                self._proxy.inflict(fault, [self._rng.choice(passages)])

    async def _storm(self, storm: Storm) -> None:
        """All at once. What has begun is brought to its end, so that the clients find a server to
        come back to.
        """
        if not await self._may_go_on_after(storm.at_s):
            return
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

    async def _may_go_on_after(self, seconds: float) -> bool:
        return await self._setting.unless_stopped(asyncio.sleep(seconds))
