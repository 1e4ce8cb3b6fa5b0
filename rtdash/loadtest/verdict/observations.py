"""Observations of one phase, before the verdict."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field

from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.fault_proxy import InjectedFault
from rtdash.loadtest.generator.probe_client import ProbeClient
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.results import Results
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import Phase
from rtdash.loadtest.verdict.ledger import StreamLog
from rtdash.loadtest.verdict.rest_findings import RestFindings
from rtdash.loadtest.verdict.rights_findings import RightsFindings
from rtdash.loadtest.verdict.samples import Sample
from rtdash.protocol.channels import Position, Stream

KEPT_UP = 0.95
"""A server keeps up with a rate when it acknowledges this share of it in the time."""


READS_IN_TIME_S = 2.0
"""A generator that keeps up says every half second what it has read."""


@dataclass(frozen=True, slots=True)
class RampStep:
    """Step of a ramp: operations offered and acknowledged a second, messages verified, and the age
    of the generator's last report.
    """

    offered: float
    acknowledged: float
    verified: float
    generator_late_s: float

    @property
    def limit(self) -> str | None:
        """Return the side that did not keep up, or None. Where the generator is late, the server's
        answers to it are late, too.
        """
        if self.generator_late_s > READS_IN_TIME_S:
            return "generator"
        return "server" if self.acknowledged < KEPT_UP * self.offered else None


@dataclass(slots=True)
class Observations:
    """Observations of one phase, filled while it runs. Instants are seconds of the
    monotonic clock.
    """

    phase: Phase
    run_id: str
    streams: list[Stream]
    starts: dict[Stream, Position]
    """Where each event stream's log stood before the first client."""
    venues: tuple[TargetVenue, ...] = ()
    processors: int = field(default_factory=lambda: os.cpu_count() or 1)
    began_at: float = 0
    ended_at: float = 0
    first_fault_at: float | None = None
    storms: list[float] = field(default_factory=list)
    injected: list[InjectedFault] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    steps: list[RampStep] = field(default_factory=list)
    """Of a ramp."""
    delivery: Histogram = field(default_factory=Histogram)
    bystander: Histogram = field(default_factory=Histogram)
    recent: Histogram = field(default_factory=Histogram)
    """The probe's latencies since the last sample."""
    lag: Histogram = field(default_factory=Histogram)
    disk: Histogram = field(default_factory=Histogram)
    """Durations of an fsync beside the server."""
    stopped_s: float = 0
    """For how long a server of the run was stopped by a signal."""
    longest_silence_s: float = 0
    """Longest time in the traffic in which the probe received no event."""
    silent_until: float = 0
    """Its end."""
    heard_at: float = 0
    heads: dict[Stream, int] = field(default_factory=dict)
    logs: dict[Stream, StreamLog] = field(default_factory=dict)
    states: dict[tuple[Stream, str], str] = field(default_factory=dict)
    results: Results = field(default_factory=Results)
    probe: ProbeClient | None = None
    publisher: Publisher | None = None
    connections_before: int | None = None
    connections_left: int | None = None
    files_before: float | None = None
    files_left: float | None = None
    half_open_kept: int | None = None
    sessions_before: int | None = None
    sessions_made: int = 0
    """Sessions that clients beside the load may have made."""
    sessions_left: int | None = None
    slow_ends: list[Counter[int | None]] = field(default_factory=list)
    """How the connections of each client that stops reading ended: by close code."""
    slow_consumers: int | None = None
    rights: RightsFindings = field(default_factory=RightsFindings)
    model: BookingModel = field(default_factory=BookingModel)
    paint: Histogram = field(default_factory=Histogram)
    """From scheduled instants to the frames that show them."""
    rest: RestFindings = field(default_factory=RestFindings)
    is_settled: bool = False
    """Whether the traffic came to its end and the clients had the time to catch up, so that what
    they lack is lost."""
    server_gone: str | None = None
    """How the server was lost for good, if it was."""
    invalid: list[str] = field(default_factory=list)
    """Why the run says nothing about the server."""
    notes: list[str] = field(default_factory=list)
    generator_cpu_s: list[float] = field(default_factory=list)
    """CPU seconds of the generator's processes so far, with each sample."""
    live: dict[str, int] = field(default_factory=dict)
    """Counts as of the last sample."""

    @property
    def traffic_s(self) -> float:
        """Return for how long there was traffic, in seconds."""
        return max(0.001, (self.ended_at or time.monotonic()) - self.began_at)

    @property
    def knee_is_found(self) -> bool:
        """Return whether the last rate of the ramp was more than the server, or the generator,
        keeps up with.
        """
        return bool(self.steps) and self.steps[-1].limit is not None

    def heard(self, latency_s: float) -> None:
        """Record the latency of an event that the probe received."""
        now = time.monotonic()
        until = self.ended_at or now  # what comes behind the traffic was held back up to its end
        silence_s = until - max(self.heard_at, self.began_at)
        if self.began_at and silence_s > self.longest_silence_s:
            self.longest_silence_s, self.silent_until = silence_s, until
        self.heard_at = now
        self.delivery.record(latency_s)
        self.recent.record(latency_s)
        if self.first_fault_at is not None:
            self.bystander.record(latency_s)

    def measures_so_far(self) -> Measures:
        """Return the measures that are known while the phase goes on."""
        measures = Measures()
        measures.add_durations("delivery_latency", self.delivery)
        for name, total in self.live.items():
            measures.add_count(name, total)
        return measures
