"""Looks at a running phase once a second, and at the own lateness all the time."""

import asyncio
import time
from collections.abc import Callable

from rtdash.loadtest.canary import Canary
from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.histogram import Histogram
from rtdash.loadtest.publisher import Publisher
from rtdash.loadtest.samples import Meter, Sample, Ticks, mebibytes, read_usage

_FEEL_EVERY_S = 0.02


class Watcher:
    """Makes samples of what the phase's parts count."""

    def __init__(
        self,
        evidence: Evidence,
        ticks: Ticks,
        publisher: Publisher,
        canary: Canary,
        server_pid: Callable[[], int | None],
    ) -> None:
        self._evidence = evidence
        self._ticks = ticks
        self._publisher = publisher
        self._canary = canary
        self._server_pid = server_pid
        self._meter = Meter()

    async def feel_lateness(self) -> None:
        """By how much the timers of this process are late, until it is cancelled."""
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_FEEL_EVERY_S)
            if self._evidence.began_at and not self._evidence.ended_at:
                self._evidence.lag.record_pause(
                    max(0.0, time.monotonic() - asked - _FEEL_EVERY_S), _FEEL_EVERY_S
                )

    def sample(self) -> Sample:
        """The second that has passed."""
        ticks, meter, evidence = self._ticks, self._meter, self._evidence
        ticks.refresh()
        self._count()
        evidence.generator_cpu_s.append(sum(tick["cpu_s"] for tick in ticks.last.values()))
        recent, evidence.recent = evidence.recent, Histogram()
        pid = self._server_pid()
        usage = read_usage(pid)
        return Sample(
            phase=evidence.phase.name,
            at_s=round(time.monotonic() - evidence.began_at, 3),
            published=meter.growth(
                "published", len(self._publisher.acknowledged) + ticks.total("acknowledged")
            ),
            received=meter.growth(
                "received", ticks.total("received") + self._canary.notes.received
            ),
            drops=meter.growth("drops", ticks.total("drops") + len(self._canary.notes.recoveries)),
            connected=ticks.total("connected"),
            p50_ms=recent.quantile(0.5) * 1000 if recent.count else None,
            p99_ms=recent.quantile(0.99) * 1000 if recent.count else None,
            max_ms=recent.max_s * 1000 if recent.count else None,
            server_cpu=meter.rate(f"server {pid}", usage.cpu_s) if usage else None,
            server_memory_mib=mebibytes(usage),
            generator_cpu=self._generator_cpu(),
            recovering=max(
                0, evidence.phase.dashboards + evidence.phase.offices - ticks.total("connected")
            ),
        )

    def _count(self) -> None:
        counts = self._canary.notes.counts
        live = {
            kind: self._ticks.count(kind) + counts[kind]
            for kind in ("errors", "invalid", "sessions_forgotten")
        }
        live["drops"] = self._ticks.total("drops")
        live["connect_failures"] = self._ticks.total("connect_failures")
        live["publish_failures"] = self._publisher.failures.total() + self._ticks.total("failures")
        self._evidence.live = live

    def _generator_cpu(self) -> float | None:
        """Cores of the busiest of the generator's processes, this one included."""
        rates = [self._meter.rate(name, tick["cpu_s"]) for name, tick in self._ticks.last.items()]
        rates.append(self._meter.rate("conductor", time.process_time()))
        measured = [rate for rate in rates if rate is not None]
        return max(measured) if measured else None
