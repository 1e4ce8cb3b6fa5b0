"""Sampling of a running phase once a second, and of this process's lateness all the time."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from rtdash.loadtest.generator.generator_reports import GeneratorReports
from rtdash.loadtest.generator.probe_client import ProbeClient
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.run.machine import is_stopped, read_machine, read_run_delay_s
from rtdash.loadtest.run.server_metrics import ServerMetrics, read_metrics
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import Meter, Sample, Usage, mebibytes, read_usage

_LATENESS_EVERY_S = 0.02
_STOPS_EVERY_S = 0.05
SCRAPE_EVERY_S = 2.0
WINDOW_S = 10
"""Seconds of the moving window of the latency's quantiles."""


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
        self._metrics = self._rated = ServerMetrics()
        self._published_cpu: float | None = None
        """Of the server, between its last two scrapes."""
        self._recent: deque[Histogram] = deque(maxlen=WINDOW_S)

    async def record_lateness(self) -> None:
        """Record by how much the timers of this process are late, until cancelled."""
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_LATENESS_EVERY_S)
            if self._observations.began_at and not self._observations.ended_at:
                self._observations.lag.record_pause(
                    max(0.0, time.monotonic() - asked - _LATENESS_EVERY_S), _LATENESS_EVERY_S
                )

    async def record_stops(self) -> None:
        """Record for how long a server of our own was stopped by a signal, until cancelled."""
        while True:
            await asyncio.sleep(_STOPS_EVERY_S)
            if self._observations.began_at and not self._observations.ended_at:
                self._observations.stopped_s += _STOPS_EVERY_S * is_stopped(self._server_pid())

    async def scrape(self, url: str) -> None:
        """Read the server's own metrics every SCRAPE_EVERY_S, where it has some, until
        cancelled.
        """
        while True:
            self._metrics = await read_metrics(url) or ServerMetrics()
            await asyncio.sleep(SCRAPE_EVERY_S)

    def sample(self) -> Sample:
        """Return the sample of the last second."""
        reports, meter, observations = self._reports, self._meter, self._observations
        reports.refresh()
        self._count()
        observations.generator_cpu_s.append(sum(tick["cpu_s"] for tick in reports.last.values()))
        published = len(self._publisher.acknowledged) + reports.total("acknowledged")
        received = reports.total("received") + self._probe.stats.received
        drops = reports.total("drops") + len(self._probe.stats.recoveries)
        phase = observations.phase
        sample = Sample(
            phase=phase.name,
            at_s=round(time.monotonic() - observations.began_at, 3),
            published=meter.growth("published", published),
            received=meter.growth("received", received),
            drops=meter.growth("drops", drops),
            connected=reports.total("connected"),
            generator_cpu=self._generator_cpu(),
            recovering=max(0, phase.dashboards + phase.offices - reports.total("connected")),
        )
        self._add_latency(sample)
        self._add_server(sample)
        self._add_machine(sample)
        return sample

    def _add_latency(self, sample: Sample) -> None:
        recent, self._observations.recent = self._observations.recent, Histogram()
        self._recent.append(recent)
        window = Histogram()
        for histogram in self._recent:
            window.merge(histogram)
        if window.count:
            sample.p50_ms, sample.p99_ms = window.quantile(0.5) * 1000, window.quantile(0.99) * 1000
        if recent.count:
            sample.max_ms, sample.floor_ms = recent.max_s * 1000, recent.quantile(0.1) * 1000

    def _add_server(self, sample: Sample) -> None:
        """Values of the process where it is ours, else those that it publishes."""
        pid, metrics = self._server_pid(), self._metrics
        usage = read_usage(pid)
        if usage is None and pid is None and metrics.cpu_s is not None:
            usage = Usage(metrics.cpu_s, metrics.memory_bytes or 0, metrics.open_files)
            if metrics is not self._rated:  # else it stood still for a second, and then doubled
                self._rated = metrics
                self._published_cpu = self._meter.rate("server", metrics.cpu_s)
            sample.server_cpu = self._published_cpu
        elif usage is not None:
            sample.server_cpu = self._meter.rate(f"server {pid}", usage.cpu_s)
        if usage is not None:
            sample.server_memory_mib = mebibytes(usage)
            sample.server_files = usage.open_files
        if metrics.loop_lag_s is not None:
            sample.server_lag_ms = metrics.loop_lag_s * 1000
        waited_s = read_run_delay_s(pid)
        if waited_s is not None:
            sample.server_waiting = self._meter.rate(f"waiting {pid}", waited_s)

    def _add_machine(self, sample: Sample) -> None:
        times, rate = read_machine(), self._meter.rate
        busy, sample.steal = rate("busy", times.busy_s), rate("steal", times.steal_s)
        waited = {name: rate(f"{name} pressure", s) for name, s in times.pressure_s.items()}
        sample.pressure, sample.memory_pressure = waited.get("cpu"), waited.get("memory")
        sample.disk_pressure = waited.get("io")
        clients_s = sum(tick["cpu_s"] for tick in self._reports.last.values())
        ours = rate("ours", clients_s + time.process_time())
        if busy is not None and ours is not None:
            sample.others_cpu = max(0.0, busy - ours - (sample.server_cpu or 0.0))

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
