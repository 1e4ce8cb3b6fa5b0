"""Sampling of a running phase once a second, and of this process's lateness all the time."""

import asyncio
import time
from collections.abc import Callable

from rtdash.loadtest.generator.probe_client import ProbeClient
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.reports import GeneratorReports
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import Meter, Sample, mebibytes, read_usage

_LATENESS_EVERY_S = 0.02


class Sampler:
    """Sampler of the counters of a phase's parts."""

    def __init__(
        self,
        observations: Observations,
        reports: GeneratorReports,
        publisher: Publisher,
        probe: ProbeClient,
        server_pid: Callable[[], int | None],
    ) -> None:
        self._observations = observations
        self._reports = reports
        self._publisher = publisher
        self._probe = probe
        self._server_pid = server_pid
        self._meter = Meter()

    async def record_lateness(self) -> None:
        """Record by how much the timers of this process are late, until cancelled."""
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_LATENESS_EVERY_S)
            if self._observations.began_at and not self._observations.ended_at:
                self._observations.lag.record_pause(
                    max(0.0, time.monotonic() - asked - _LATENESS_EVERY_S), _LATENESS_EVERY_S
                )

    def sample(self) -> Sample:
        """Return the sample of the last second."""
        reports, meter, observations = self._reports, self._meter, self._observations
        reports.refresh()
        self._count()
        observations.generator_cpu_s.append(sum(tick["cpu_s"] for tick in reports.last.values()))
        recent, observations.recent = observations.recent, Histogram()
        pid = self._server_pid()
        usage = read_usage(pid)
        return Sample(
            phase=observations.phase.name,
            at_s=round(time.monotonic() - observations.began_at, 3),
            published=meter.growth(
                "published", len(self._publisher.acknowledged) + reports.total("acknowledged")
            ),
            received=meter.growth(
                "received", reports.total("received") + self._probe.stats.received
            ),
            drops=meter.growth("drops", reports.total("drops") + len(self._probe.stats.recoveries)),
            connected=reports.total("connected"),
            p50_ms=recent.quantile(0.5) * 1000 if recent.count else None,
            p99_ms=recent.quantile(0.99) * 1000 if recent.count else None,
            max_ms=recent.max_s * 1000 if recent.count else None,
            server_cpu=meter.rate(f"server {pid}", usage.cpu_s) if usage else None,
            server_memory_mib=mebibytes(usage),
            generator_cpu=self._generator_cpu(),
            recovering=max(
                0,
                observations.phase.dashboards
                + observations.phase.offices
                - reports.total("connected"),
            ),
        )

    def _count(self) -> None:
        counts = self._probe.stats.counts
        live = {
            kind: self._reports.count(kind) + counts[kind]
            for kind in ("errors", "invalid", "sessions_forgotten")
        }
        live["drops"] = self._reports.total("drops")
        live["connect_failures"] = self._reports.total("connect_failures")
        live["publish_failures"] = self._publisher.failures.total() + self._reports.total(
            "failures"
        )
        self._observations.live = live

    def _generator_cpu(self) -> float | None:
        """Return the cores of the busiest of the generator's processes, this one included."""
        rates = [self._meter.rate(name, tick["cpu_s"]) for name, tick in self._reports.last.items()]
        rates.append(self._meter.rate("conductor", time.process_time()))
        measured = [rate for rate in rates if rate is not None]
        return max(measured) if measured else None
