"""Validity of a phase: whether the generator, and not the server, was measured."""

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import GeneratorLimits
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import known

_BUSY = 0.5
"""Cores: a generator below it that reads late was served late."""


def bottlenecks(
    observations: Observations, measures: Measures, generator: GeneratorLimits
) -> list[str]:
    """Return why the generator was the bottleneck, if it was."""
    reasons, name = [], observations.phase.name
    cpu = measures.get("generator_cpu", "mean")
    if cpu is not None and cpu > generator.most_cpu:
        reasons.append(
            f"{name}: the generator used {cpu:.2f} cores of one (most:"
            f" {generator.most_cpu:g}); try --processes"
        )
    busiest = max(known(sample.generator_cpu for sample in observations.samples[-3:]), default=0.0)
    if observations.knee_is_found and (
        busiest > generator.most_cpu or observations.steps[-1].limit == "generator"
    ):
        late_s = observations.steps[-1].generator_late_s
        reasons.append(
            f"{name}: the knee is the generator's own: at the end of the ramp it"
            f" used {busiest:.2f} cores of one, and was {late_s:.1f} s late; try --processes"
        )
    lags = {"generator": observations.results.lag, "probe": observations.lag}
    for part, lag in lags.items():
        lag_ms = lag.quantile(0.99) * 1000
        if lag_ms > generator.most_lag_ms:
            reasons.append(
                f"{name}: the timers of the {part} were late by {lag_ms:.0f} ms (p99; most:"
                f" {generator.most_lag_ms:g})"
            )
    if observations.results.unread:
        reasons.append(
            f"{name}: the generator had not read all that had come for"
            f" {observations.results.unread} clients"
        )
    behind_ms = _behind_ms(observations)
    if cpu is not None and cpu > _BUSY and behind_ms > generator.most_lag_ms:
        reasons.append(
            f"{name}: the generator, busy with {cpu:.2f} cores, read {behind_ms:.0f} ms later than the probe (p99; most: {generator.most_lag_ms:g})"
        )
    return reasons


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
    return (
        observations.results.latency.quantile(0.99) - observations.delivery.quantile(0.99)
    ) * 1000
