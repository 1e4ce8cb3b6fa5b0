"""Validity of a phase: whether the server was measured, and not the generator or the machine.

Three grades. *Invalid*: nothing counts. *Late*: the generator's timers were so late that nothing
counts that is a matter of time. *Excused*: the machine was so busy that a broken SLO about time may
be its doing. What is no matter of time, such as a lost event, counts in the last two all the same.
"""

from collections.abc import Iterable, Sequence

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import GeneratorLimits
from rtdash.loadtest.plan.slo import Verdict
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.samples import known

EXACT = frozenset(
    {
        *("duplicated", "reordered", "resets", "invalid", "unexpected", "errors"),
        *("acknowledged_lost", "delivered_and_lost", "log_went_back", "sessions_forgotten"),
        *("model_violations", "rest_disagrees", "files_leaked"),
        *("rights_violated", "sessions_leaked"),
    }
)
"""Metrics of which no lateness is an explanation; `lost` is one where it left gaps."""


def bottlenecks(
    observations: Observations, measures: Measures, generator: GeneratorLimits
) -> list[str]:
    """Return why the generator was the bottleneck, so that nothing counts."""
    reasons, name = [], observations.phase.name
    cpu = measures.get("generator_cpu", "mean")
    if cpu is not None and cpu > generator.most_cpu:
        reasons.append(
            f"{name}: the generator used {cpu:.2f} cores of one (most: {generator.most_cpu:g});"
            " try --processes"
        )
    busiest = max(known(sample.generator_cpu for sample in observations.samples[-3:]), default=0.0)
    if observations.knee_is_found and (
        busiest > generator.most_cpu or observations.steps[-1].limit == "generator"
    ):
        late_s = observations.steps[-1].generator_late_s
        reasons.append(
            f"{name}: the knee is the generator's own: at the end of the ramp it used"
            f" {busiest:.2f} cores of one, and was {late_s:.1f} s late; try --processes"
        )
    if observations.results.unread:
        reasons.append(
            f"{name}: the generator had not read all that had come for"
            f" {observations.results.unread} clients"
        )
    return reasons


def find_lateness(observations: Observations, most_lag_ms: float) -> list[str]:
    """Return which parts of the generator were late, at the 99th percentile of their timers."""
    reasons = []
    lags = {"load generator": observations.results.lag, "probe client": observations.lag}
    for part, lag in lags.items():
        lag_ms = lag.quantile(0.99) * 1000
        if lag_ms > most_lag_ms:
            reasons.append(
                f"{observations.phase.name}: this machine was too busy for the test: the {part}"
                f" woke up {lag_ms:.0f} ms late in 1 of 100 cases (allowed: {most_lag_ms:g} ms)"
            )
    return reasons


def find_excuses(
    observations: Observations, measures: Measures, generator: GeneratorLimits
) -> list[str]:
    """Return why the machine, or a busy generator, may be to blame for what was late."""
    name = observations.phase.name
    reasons = find_lateness(observations, generator.excused_lag_ms)
    waiting, used = (measures.get(metric, "mean") for metric in ("server_waiting", "server_cpu"))
    if waiting is not None and used is not None and waiting > generator.excused_wait:
        share = waiting / (waiting + used)
        if share > generator.excused_wait_share:
            reasons.append(
                f"{name}: the server was starved: it ran for {used:.2f} s and waited for a"
                f" processor for {waiting:.2f} s of each second"
            )
    if observations.stopped_s > generator.excused_stops * observations.traffic_s:
        reasons.append(
            f"{name}: the server was stopped by signals (SIGSTOP) for {observations.stopped_s:.1f} s"
        )
    others = measures.get("others_cpu", "mean")
    if others is not None and others > generator.excused_others * observations.processors:
        reasons.append(
            f"{name}: other programs used {others:.1f} of {observations.processors} processors"
        )
    steal = known(sample.steal for sample in observations.samples)
    if steal and sum(steal) / len(steal) > generator.excused_steal * observations.processors:
        reasons.append(f"{name}: the hypervisor gave this machine too little time (steal)")
    memory = measures.get("memory_pressure", "mean") or 0.0
    if memory > generator.excused_memory:
        reasons.append(
            f"{name}: the machine was short of memory: some process waited for it for"
            f" {memory:.2f} s of each second"
        )
    disk_ms = observations.disk.quantile(0.9) * 1000
    if disk_ms > generator.excused_fsync_ms:
        reasons.append(f"{name}: the disk was slow: an fsync took {disk_ms:.0f} ms (p90)")
    behind_ms = _behind_ms(observations)
    cpu = measures.get("generator_cpu", "mean") or 0.0
    if cpu > generator.excused_cpu and behind_ms > generator.excused_lag_ms:
        reasons.append(
            f"{name}: the generator, busy with {cpu:.2f} cores, read {behind_ms:.0f} ms later than"
            f" the probe client (allowed: {generator.excused_lag_ms:g} ms)"
        )
    return reasons


def why_no_verdict(phases: Iterable[PhaseResult], verdicts: Sequence[Verdict]) -> list[str]:
    """Return why the phases say nothing about the server, given their SLOs; nothing where they
    do.
    """
    results = {phase.name: phase for phase in phases}
    invalid = [reason for phase in results.values() for reason in phase.invalid]
    if invalid:
        return invalid
    failing = [verdict for verdict in verdicts if verdict.fails and verdict.measured is not None]
    if any(_is_exact(verdict, results.get(verdict.phase)) for verdict in failing):
        return []
    broken = {verdict.phase for verdict in failing}
    return [
        reason
        for phase in results.values()
        for reason in (*phase.lateness, *(phase.excuses if phase.name in broken else ()))
    ]


def _is_exact(verdict: Verdict, phase: PhaseResult | None) -> bool:
    metric = verdict.slo.metric
    return metric in EXACT or (metric == "lost" and phase is not None and phase.has_gaps)


def _behind_ms(observations: Observations) -> float:
    """Return how much later the generator's clients read than the probe did, in ms; where there are
    faults, the faults are the reason, and it is 0.
    """
    if (
        observations.first_fault_at is not None
        or observations.phase.drops is not None
        or not observations.delivery.count
    ):
        return 0.0
    late, probed = observations.results.latency, observations.delivery
    return (late.quantile(0.99) - probed.quantile(0.99)) * 1000
