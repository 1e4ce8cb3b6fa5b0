"""From what was seen of a phase to its measures, the findings in words, and whether the run says
anything at all. Pure.
"""

from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.histogram import Histogram
from rtdash.loadtest.ledger import Findings, judge_acknowledged, judge_clients, judge_contents
from rtdash.loadtest.metrics import Measures
from rtdash.loadtest.recoveries import time_recoveries
from rtdash.loadtest.results import Client
from rtdash.loadtest.samples import Sample, known
from rtdash.loadtest.scenario import Generator
from rtdash.protocol.codes import CloseCode

_LEAST_CPU_S = 0.05
_TOO_MANY = f"close {CloseCode.TOO_MANY_CONNECTIONS:d}"
_BUSY = 0.5
"""Cores: a generator below it that reads late was served late."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One phase, measured."""

    name: str
    measures: Measures
    findings: list[str]
    invalid: list[str]
    samples: list[Sample]
    notes: list[str]
    server_gone: str | None = None
    """How the server was lost for good in it, if it was."""
    is_whole: bool = True
    """Whether it came to its end."""
    is_starved: bool = False
    """Whether it is invalid only because the generator was the bottleneck, so that it may be worth
    another try."""


def measure(evidence: Evidence, generator: Generator) -> Judged:
    """All metrics that this phase gave."""
    measures = Measures()
    clients = [*evidence.results.clients, *_canary_client(evidence)]
    findings = _ledger(evidence, clients)
    _add_ledger(measures, evidence, findings)
    _add_ends(measures, evidence, clients)
    _add_durations(measures, evidence)
    _add_series(measures, evidence)
    _add_failures(measures, evidence)
    examples = (
        findings.examples
        + evidence.results.examples
        + (evidence.canary.notes.examples if evidence.canary else [])
    )
    examples += [
        f"http_failures: {what}: {count} times"
        for what, count in evidence.results.http_failures.most_common(5)
    ]
    failures = evidence.results.failures + (
        evidence.publisher.failures if evidence.publisher else Counter()
    )
    examples += [
        f"publish_failures: {what}: {count} operations" for what, count in failures.most_common(5)
    ]
    if evidence.connections_left:
        examples.append(
            f"connections_leaked: the server still counts {evidence.connections_left} connections"
            " after all have closed"
        )
    notes = (
        evidence.notes
        + _knee_notes(measures, evidence)
        + _figure_notes(measures)
        + _ending_notes(evidence)
    )
    bottlenecks = _bottlenecks(evidence, measures, generator)
    return Judged(
        evidence.phase.name,
        measures,
        examples,
        evidence.invalid + bottlenecks,
        evidence.samples,
        notes,
        server_gone=evidence.server_gone,
        is_whole=evidence.is_settled,
        is_starved=bool(bottlenecks) and not evidence.invalid,
    )


def _ending_notes(evidence: Evidence) -> list[str]:
    causes = Counter(recovery.cause for recovery in evidence.results.recoveries)
    notes = (
        [
            "connections ended: "
            + ", ".join(f"{count} by {cause}" for cause, count in causes.most_common())
        ]
        if causes
        else []
    )
    if causes[_TOO_MANY]:
        notes.append(
            f"{_TOO_MANY}: the server lets one user have no more connections; give more users'"
            " tokens: --tokens FILE"
        )
    return notes


def _ledger(evidence: Evidence, clients: list[Client]) -> Findings:
    logs = (
        evidence.logs if evidence.is_settled else {}
    )  # who didn't get the time to catch up is behind, and has lost nothing
    findings = judge_clients(((client.name, client.accounts) for client in clients), logs)
    judge_contents(findings, evidence.results.contents, evidence.logs)
    if evidence.canary is not None:
        judge_contents(findings, evidence.canary.reader.contents, evidence.logs)
    acknowledged = evidence.results.acknowledged + (
        evidence.publisher.acknowledged if evidence.publisher else []
    )
    judge_acknowledged(findings, acknowledged, evidence.logs)
    return findings


def _add_ledger(measures: Measures, evidence: Evidence, findings: Findings) -> None:
    counts = evidence.results.counts + (
        evidence.canary.notes.counts if evidence.canary else Counter()
    )
    for kind in ("lost", "duplicated", "reordered", "recovered", "resets"):
        measures.add_count(kind, findings.total[kind])
        for channel in sorted({stream.channel for stream in evidence.logs}):
            measures.add_count(kind, findings.by_channel[kind, channel], channel)
    if evidence.logs:
        measures.add_count("acknowledged_lost", findings.total["acknowledged_lost"])
    for kind in ("invalid", "unexpected"):
        measures.add_count(kind, findings.total[kind] + counts[kind])
    for kind in ("sessions_forgotten", "errors"):
        measures.add_count(kind, counts[kind])


def _add_ends(measures: Measures, evidence: Evidence, clients: list[Client]) -> None:
    behind = [
        client
        for client in clients
        if not client.is_current
        or any(
            account.next_seq <= evidence.heads.get(stream, 0)
            for stream, account in client.accounts.items()
        )
    ]
    stale = [
        client
        for client in clients
        if any(client.states.get(key) != digest for key, digest in evidence.states.items())
    ]
    if evidence.is_settled:
        measures.add_count("not_recovered", len(behind))
        measures.add_count("not_converged", len(stale))
    if evidence.connections_left is not None:
        measures.add_count("connections_leaked", evidence.connections_left)


def _add_durations(measures: Measures, evidence: Evidence) -> None:
    results = evidence.results
    recovered = time_recoveries(results.recoveries, evidence.inflicted, evidence.storms)
    published = _merged(
        results.published, evidence.publisher.latency if evidence.publisher else Histogram()
    )
    for name, histogram in (
        ("delivery_latency", evidence.delivery),
        ("bystander_latency", evidence.bystander),
        ("user_latency", results.latency),
        ("publish_latency", published),
        ("http_latency", results.http_latency),
        ("connect_time", results.connect_time),
        ("t_detect", recovered.t_detect),
        ("t_reconnect", recovered.t_reconnect),
        ("t_subscribed", recovered.t_subscribed),
        ("t_consistent", recovered.t_consistent),
        ("generator_lag", _merged(results.lag, evidence.lag)),
    ):
        measures.add_durations(name, histogram)
    measures.add_series("attempts", recovered.attempts)


def _add_series(measures: Measures, evidence: Evidence) -> None:
    samples = evidence.samples
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
        measures.add_value("server_cpu_per_client", cores * 1000 / (evidence.phase.users + 1))
    cpu_s = (
        evidence.generator_cpu_s[-1] - evidence.generator_cpu_s[0]
        if evidence.generator_cpu_s
        else 0.0
    )
    if cpu_s > _LEAST_CPU_S:
        measures.add_value(
            "verified_per_cpu_second", sum(sample.received for sample in samples[1:]) / cpu_s
        )


def _add_failures(measures: Measures, evidence: Evidence) -> None:
    results = evidence.results
    publisher_failures = evidence.publisher.failures.total() if evidence.publisher else 0
    measures.add_count("connect_failures", results.connect_failures)
    measures.add_count("http_failures", results.http_failures.total())
    measures.add_count("publish_failures", results.failures.total() + publisher_failures)
    measures.add_count("drops", len(results.recoveries))
    own = sum(recovery.began_at is not None for recovery in results.recoveries)
    measures.add_count("faults", len(evidence.inflicted) + own + len(evidence.storms))


def _knee_notes(measures: Measures, evidence: Evidence) -> list[str]:
    """Where the knee of a ramp is, as a measure and in words."""
    if not evidence.steps:
        return []
    kept = max((step.offered for step in evidence.steps if step.limit is None), default=0.0)
    measures.add_value("knee", kept)
    last = evidence.steps[-1]
    where = (
        f"between {kept:g} and {last.offered:g}/s: the {last.limit} limits"
        if evidence.knee_is_found
        else "not reached"
    )
    steps = ", ".join(
        f"{step.offered:g} → {step.acknowledged:.0f} → {step.verified:.0f}"
        for step in evidence.steps
    )
    return [
        f"knee {where} (operations offered → acknowledged → messages verified a second: {steps})"
    ]


def _figure_notes(measures: Measures) -> list[str]:
    """How much load there was, whatever the SLOs are about."""
    told = {
        "messages verified a second": measures.get("delivery_rate", "max"),
        "a CPU second of the generator": measures.get("verified_per_cpu_second", "value"),
        "connections": measures.get("connections", "max"),
        "cores of the server": measures.get("server_cpu", "max"),
        "of the busiest process of the generator": measures.get("generator_cpu", "max"),
    }
    figures = [
        f"{value:,.2f} {what}" if value < 100 else f"{value:,.0f} {what}"
        for what, value in told.items()
        if value is not None
    ]
    return [f"at most {', '.join(figures)}"] if figures else []


def _bottlenecks(evidence: Evidence, measures: Measures, generator: Generator) -> list[str]:
    """Why it was the generator that was measured, if it was."""
    reasons = []
    cpu = measures.get("generator_cpu", "mean")
    if cpu is not None and cpu > generator.most_cpu:
        reasons.append(
            f"{evidence.phase.name}: the generator used {cpu:.2f} cores of one (most:"
            f" {generator.most_cpu:g}); try --processes"
        )
    busiest = max(known(sample.generator_cpu for sample in evidence.samples[-3:]), default=0.0)
    if evidence.knee_is_found and (
        busiest > generator.most_cpu or evidence.steps[-1].limit == "generator"
    ):
        late_s = evidence.steps[-1].generator_late_s
        reasons.append(
            f"{evidence.phase.name}: the knee is the generator's own: at the end of the ramp it"
            f" used {busiest:.2f} cores of one, and was {late_s:.1f} s late; try --processes"
        )
    lags = {"generator": evidence.results.lag, "canary": evidence.lag}
    for who, lag in lags.items():
        lag_ms = lag.quantile(0.99) * 1000
        if lag_ms > generator.most_lag_ms:
            reasons.append(
                f"{evidence.phase.name}: the timers of the {who} were late by {lag_ms:.0f} ms (p99;"
                f" most: {generator.most_lag_ms:g})"
            )
    if evidence.results.unread:
        reasons.append(
            f"{evidence.phase.name}: the generator had not read all that had come for"
            f" {evidence.results.unread} clients"
        )
    behind_ms = _behind_ms(evidence)
    if cpu is not None and cpu > _BUSY and behind_ms > generator.most_lag_ms:
        reasons.append(
            f"{evidence.phase.name}: the generator, busy with {cpu:.2f} cores, read {behind_ms:.0f}"
            f" ms later than the canary (p99; most: {generator.most_lag_ms:g})"
        )
    return reasons


def _behind_ms(evidence: Evidence) -> float:
    """How much later the generator's clients read than the canary did; where there are faults, that
    is the faults' doing.
    """
    if (
        evidence.first_fault_at is not None
        or evidence.phase.drops is not None
        or not evidence.delivery.count
    ):
        return 0.0
    return (evidence.results.latency.quantile(0.99) - evidence.delivery.quantile(0.99)) * 1000


def _canary_client(evidence: Evidence) -> list[Client]:
    if evidence.canary is None:
        return []
    follower = evidence.canary.follower
    return [Client(follower.name, follower.accounts, follower.states, follower.is_current_at_end)]


def _merged(*histograms: Histogram) -> Histogram:
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged
