"""Series and single values from the samples of a phase. Pure."""

from statistics import fmean

from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import known

_LEAST_CPU_S = 0.05
_LEAST_MESSAGES = 100
_STEADY_PER_S = 5
"""Operations a second from which on a second without an event is a silence."""


def add_series(measures: Measures, observations: Observations) -> None:
    """Add what the samples say, second by second."""
    samples = observations.samples
    measures.add_series("publish_rate", [float(sample.published) for sample in samples])
    measures.add_series("delivery_rate", [float(sample.received) for sample in samples[1:]])
    measures.add_series("connections", [float(sample.connected) for sample in samples])
    for name, values in (
        ("server_cpu", known(sample.server_cpu for sample in samples)),
        ("server_memory", known(sample.server_memory_mib for sample in samples)),
        ("server_files", known(sample.server_files for sample in samples)),
        ("server_waiting", known(sample.server_waiting for sample in samples)),
        ("server_lag", known(sample.server_lag_ms for sample in samples)),
        ("others_cpu", known(sample.others_cpu for sample in samples)),
        ("generator_cpu", known(sample.generator_cpu for sample in samples)),
        ("cpu_pressure", known(sample.pressure for sample in samples)),
        ("memory_pressure", known(sample.memory_pressure for sample in samples)),
        ("disk_pressure", known(sample.disk_pressure for sample in samples)),
    ):
        measures.add_series(name, values)
    memory = known(sample.server_memory_mib for sample in samples)
    if (tenth := len(memory) // 10) > 0:
        middle = len(memory) // 2
        measures.add_value(
            "server_memory_growth", fmean(memory[-tenth:]) - fmean(memory[middle : middle + tenth])
        )
    cores = measures.get("server_cpu", "mean")
    if cores is not None:
        received = sum(sample.received for sample in samples)
        if received:
            spent_s = sum(known(sample.server_cpu for sample in samples))
            measures.add_value("server_cpu_per_message", spent_s * 1e6 / received)
        measures.add_value("server_cpu_per_client", cores * 1000 / (observations.phase.users + 1))
    _add_bytes(measures, observations)
    spent = observations.generator_cpu_s
    cpu_s = spent[-1] - spent[0] if spent else 0.0
    if cpu_s > _LEAST_CPU_S:
        measures.add_value(
            "verified_per_cpu_second", sum(sample.received for sample in samples[1:]) / cpu_s
        )
    if observations.phase.publish_rate >= _STEADY_PER_S and not observations.phase.ramp:
        measures.add_value("longest_silence", observations.longest_silence_s * 1000)


def _add_bytes(measures: Measures, observations: Observations) -> None:
    """Add the size of a message, over all clients."""
    messages, size = observations.results.received, observations.results.bytes
    if observations.probe is not None:
        messages += observations.probe.stats.received
        size += observations.probe.stats.bytes
    if messages >= _LEAST_MESSAGES:
        measures.add_value("bytes_per_message", size / messages)
