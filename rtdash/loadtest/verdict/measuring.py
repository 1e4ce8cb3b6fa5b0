"""From observations of a phase to its measures and findings. Pure."""

from collections import Counter
from statistics import fmean

from rtdash.loadtest.generator.results import Client
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import GeneratorLimits
from rtdash.loadtest.verdict.ledger import (
    Findings,
    judge_acknowledged,
    judge_clients,
    judge_contents,
)
from rtdash.loadtest.verdict.notes import ending_notes, figure_notes, knee_notes
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.recoveries import time_recoveries
from rtdash.loadtest.verdict.samples import known
from rtdash.loadtest.verdict.validity import bottlenecks

_LEAST_CPU_S = 0.05


def measure(observations: Observations, generator: GeneratorLimits) -> PhaseResult:
    """Return all measures of a phase."""
    measures = Measures()
    clients = [*observations.results.clients, *_probe_client(observations)]
    findings = _ledger(observations, clients)
    _add_ledger(measures, observations, findings)
    _add_ends(measures, observations, clients)
    _add_durations(measures, observations)
    _add_series(measures, observations)
    _add_failures(measures, observations)
    examples = (
        findings.examples
        + observations.results.examples
        + (observations.probe.stats.examples if observations.probe else [])
    )
    examples += [
        f"http_failures: {what}: {count} times"
        for what, count in observations.results.http_failures.most_common(5)
    ]
    failures = observations.results.failures + (
        observations.publisher.failures if observations.publisher else Counter()
    )
    examples += [
        f"publish_failures: {what}: {count} operations" for what, count in failures.most_common(5)
    ]
    if observations.connections_left:
        examples.append(
            "connections_leaked: the server still counts"
            f" {observations.connections_left} connections after all have closed"
        )
    notes = (
        observations.notes
        + knee_notes(measures, observations)
        + figure_notes(measures)
        + ending_notes(observations)
    )
    reasons = bottlenecks(observations, measures, generator)
    return PhaseResult(
        observations.phase.name,
        measures,
        examples,
        observations.invalid + reasons,
        observations.samples,
        notes,
        server_gone=observations.server_gone,
        is_whole=observations.is_settled,
        is_starved=bool(reasons) and not observations.invalid,
    )


def _ledger(observations: Observations, clients: list[Client]) -> Findings:
    logs = (
        observations.logs if observations.is_settled else {}
    )  # a client without the time to catch up is behind, and has lost nothing
    findings = judge_clients(((client.name, client.accounts) for client in clients), logs)
    judge_contents(findings, observations.results.contents, observations.logs)
    if observations.probe is not None:
        judge_contents(findings, observations.probe.reader.contents, observations.logs)
    acknowledged = observations.results.acknowledged + (
        observations.publisher.acknowledged if observations.publisher else []
    )
    judge_acknowledged(findings, acknowledged, observations.logs)
    return findings


def _add_ledger(measures: Measures, observations: Observations, findings: Findings) -> None:
    counts = observations.results.counts + (
        observations.probe.stats.counts if observations.probe else Counter()
    )
    for kind in ("lost", "duplicated", "reordered", "recovered", "resets"):
        measures.add_count(kind, findings.total[kind])
        for channel in sorted({stream.channel for stream in observations.logs}):
            measures.add_count(kind, findings.by_channel[kind, channel], channel)
    if observations.logs:
        measures.add_count("acknowledged_lost", findings.total["acknowledged_lost"])
    for kind in ("invalid", "unexpected"):
        measures.add_count(kind, findings.total[kind] + counts[kind])
    for kind in ("sessions_forgotten", "errors"):
        measures.add_count(kind, counts[kind])


def _add_ends(measures: Measures, observations: Observations, clients: list[Client]) -> None:
    behind = [
        client
        for client in clients
        if not client.is_current
        or any(
            account.next_seq <= observations.heads.get(stream, 0)
            for stream, account in client.accounts.items()
        )
    ]
    stale = [
        client
        for client in clients
        if any(client.states.get(key) != digest for key, digest in observations.states.items())
    ]
    if observations.is_settled:
        measures.add_count("not_recovered", len(behind))
        measures.add_count("not_converged", len(stale))
    if observations.connections_left is not None:
        measures.add_count("connections_leaked", observations.connections_left)


def _add_durations(measures: Measures, observations: Observations) -> None:
    results = observations.results
    recovered = time_recoveries(results.recoveries, observations.injected, observations.storms)
    published = _merged(
        results.published, observations.publisher.latency if observations.publisher else Histogram()
    )
    for name, histogram in (
        ("delivery_latency", observations.delivery),
        ("bystander_latency", observations.bystander),
        ("user_latency", results.latency),
        ("publish_latency", published),
        ("http_latency", results.http_latency),
        ("connect_time", results.connect_time),
        ("t_detect", recovered.t_detect),
        ("t_reconnect", recovered.t_reconnect),
        ("t_subscribed", recovered.t_subscribed),
        ("t_consistent", recovered.t_consistent),
        ("generator_lag", _merged(results.lag, observations.lag)),
    ):
        measures.add_durations(name, histogram)
    measures.add_series("attempts", recovered.attempts)


def _add_series(measures: Measures, observations: Observations) -> None:
    samples = observations.samples
    measures.add_series("publish_rate", [float(sample.published) for sample in samples])
    measures.add_series("delivery_rate", [float(sample.received) for sample in samples[1:]])
    measures.add_series("connections", [float(sample.connected) for sample in samples])
    for name, values in (
        ("server_cpu", known(sample.server_cpu for sample in samples)),
        ("server_memory", known(sample.server_memory_mib for sample in samples)),
        ("generator_cpu", known(sample.generator_cpu for sample in samples)),
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
        measures.add_value("server_cpu_per_client", cores * 1000 / (observations.phase.users + 1))
    cpu_s = (
        observations.generator_cpu_s[-1] - observations.generator_cpu_s[0]
        if observations.generator_cpu_s
        else 0.0
    )
    if cpu_s > _LEAST_CPU_S:
        measures.add_value(
            "verified_per_cpu_second", sum(sample.received for sample in samples[1:]) / cpu_s
        )


def _add_failures(measures: Measures, observations: Observations) -> None:
    results = observations.results
    publisher_failures = observations.publisher.failures.total() if observations.publisher else 0
    measures.add_count("connect_failures", results.connect_failures)
    measures.add_count("http_failures", results.http_failures.total())
    measures.add_count("publish_failures", results.failures.total() + publisher_failures)
    measures.add_count("drops", len(results.recoveries))
    own = sum(recovery.began_at is not None for recovery in results.recoveries)
    measures.add_count("faults", len(observations.injected) + own + len(observations.storms))


def _probe_client(observations: Observations) -> list[Client]:
    if observations.probe is None:
        return []
    follower = observations.probe.follower
    return [Client(follower.name, follower.accounts, follower.states, follower.is_current_at_end)]


def _merged(*histograms: Histogram) -> Histogram:
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged
