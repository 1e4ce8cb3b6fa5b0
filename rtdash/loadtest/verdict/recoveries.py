"""Duration of recoveries: injected faults matched with what the clients noticed. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rtdash.loadtest.generator.fault_proxy import InjectedFault
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.plan.histogram import Histogram


@dataclass(slots=True)
class Recovered:
    """Times of all recoveries as histograms, and their attempts."""

    t_detect: Histogram = field(default_factory=Histogram)
    t_reconnect: Histogram = field(default_factory=Histogram)
    t_subscribed: Histogram = field(default_factory=Histogram)
    t_consistent: Histogram = field(default_factory=Histogram)
    attempts: list[float] = field(default_factory=list)


def time_recoveries(
    recoveries: Iterable[Recovery], injected: Iterable[InjectedFault], storms: Sequence[float]
) -> Recovered:
    """Return the times of recoveries. `injected` are faults of single connections, `storms` the
    instants at which all were hit.
    """
    by_port: dict[int, list[float]] = {}
    for fault in injected:
        by_port.setdefault(fault.client_port, []).append(fault.at)
    recovered = Recovered()
    for recovery in recoveries:
        began_at = _began_at(recovery, by_port, storms)
        if began_at is not None:
            recovered.t_detect.record(max(0.0, recovery.detected_at - began_at))
        for name in ("reconnected", "subscribed", "consistent"):
            at = getattr(recovery, f"{name}_at")
            if at is not None:
                histogram: Histogram = getattr(
                    recovered, f"t_{name.removesuffix('ed') if name == 'reconnected' else name}"
                )
                histogram.record(at - recovery.detected_at)
        if recovery.reconnected_at is not None:
            recovered.attempts.append(recovery.attempts)
    return recovered


def _began_at(
    recovery: Recovery, by_port: dict[int, list[float]], storms: Sequence[float]
) -> float | None:
    """Return the instant of the last fault before the loss was noticed that could be its cause."""
    if recovery.began_at is not None:
        return recovery.began_at
    candidates = [
        at for at in (*by_port.get(recovery.port, ()), *storms) if at <= recovery.detected_at
    ]
    return max(candidates, default=None)
