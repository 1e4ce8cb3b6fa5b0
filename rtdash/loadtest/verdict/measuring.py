"""From observations of a phase to its measures and findings. Pure."""

from collections import Counter

from rtdash.loadtest.generator.results import Client
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.loadtest.plan.metrics import Measures
from rtdash.loadtest.plan.scenario import GeneratorLimits
from rtdash.loadtest.verdict.coverage import add_coverage
from rtdash.loadtest.verdict.findings import describe_findings, http_failures_of
from rtdash.loadtest.verdict.ledger import (
    Findings,
    judge_acknowledged,
    judge_clients,
    judge_contents,
)
from rtdash.loadtest.verdict.neighbours import add_spread, add_unprovoked
from rtdash.loadtest.verdict.notes import (
    ending_notes,
    figure_notes,
    knee_notes,
    slow_notes,
    worst_notes,
)
from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.phase_result import PhaseResult
from rtdash.loadtest.verdict.recoveries import time_recoveries
from rtdash.loadtest.verdict.series import add_series
from rtdash.loadtest.verdict.trends import add_trends
from rtdash.loadtest.verdict.validity import bottlenecks, find_excuses, find_lateness


def measure(observations: Observations, generator: GeneratorLimits) -> PhaseResult:
    """Return all measures of a phase."""
    measures = Measures()
    clients = [*observations.results.clients, *_probe_client(observations)]
    findings = _ledger(observations, clients)
    _add_ledger(measures, observations, findings)
    _add_ends(measures, observations, clients, findings)
    _add_durations(measures, observations)
    add_series(measures, observations)
    _add_failures(measures, observations)
    add_spread(measures, observations.results.clients)
    add_unprovoked(measures, observations, findings)
    add_trends(measures, observations)
    add_coverage(measures, observations)
    notes = (
        observations.notes
        + knee_notes(measures, observations)
        + figure_notes(measures)
        + ending_notes(observations)
        + slow_notes(observations)
        + worst_notes(observations)
    )
    reasons = bottlenecks(observations, measures, generator)
    return PhaseResult(
        observations.phase.name,
        measures,
        findings.examples + describe_findings(observations),
        observations.invalid + reasons,
        observations.samples,
        notes,
        lateness=find_lateness(observations, generator.most_lag_ms),
        excuses=find_excuses(observations, measures, generator),
        has_gaps=any(
            account.has_gaps for client in clients for account in client.accounts.values()
        ),
        server_gone=observations.server_gone,
        is_whole=observations.is_settled,
        may_repeat=not observations.invalid and observations.is_settled,
    )


def _ledger(observations: Observations, clients: list[Client]) -> Findings:
    logs = (
        observations.logs if observations.is_settled else {}
    )  # a client without the time to catch up is behind, and has lost nothing
    findings = judge_clients(((client.name, client.accounts) for client in clients), logs)
    contents = [observations.results.contents]
    if observations.probe is not None:
        contents.append(observations.probe.reader.contents)
    judge_contents(findings, contents, observations.logs, observations.run_id)
    acknowledged = observations.results.acknowledged + (
        observations.publisher.acknowledged if observations.publisher else []
    )
    judge_acknowledged(findings, acknowledged, observations.logs)
    return findings


def _add_ledger(measures: Measures, observations: Observations, findings: Findings) -> None:
    counts = observations.results.counts + (
        observations.probe.stats.counts if observations.probe else Counter()
    )
    for kind in ("lost", "duplicated", "reordered", "recovered", "resets", "delivered_and_lost"):
        measures.add_count(kind, findings.total[kind])
        for channel in sorted({stream.channel for stream in observations.logs}):
            measures.add_count(kind, findings.by_channel[kind, channel], channel)
    if observations.logs:
        for kind in ("acknowledged_lost", "log_went_back"):
            measures.add_count(kind, findings.total[kind])
        measures.add_count("model_violations", observations.model.violations)
    counts["unexpected"] += observations.rights.unasked
    for kind in ("invalid", "unexpected"):
        measures.add_count(kind, findings.total[kind] + counts[kind])
    for kind in ("sessions_forgotten", "errors"):
        measures.add_count(kind, counts[kind])


def _add_ends(
    measures: Measures, observations: Observations, clients: list[Client], findings: Findings
) -> None:
    behind = [
        client
        for client in clients
        if not client.is_current
        or any(
            account.next_seq <= observations.heads.get(stream, 0)
            for stream, account in client.accounts.items()
        )
    ]
    if observations.is_settled:
        measures.add_count("not_recovered", len(behind))
        measures.add_count("not_converged", _count_stale(observations, clients, findings))
        for client in behind[:5]:
            findings.examples.append(
                f"not_recovered: {client.name}: "
                + ("behind the log" if client.is_current else "not connected")
                + " at the end"
            )
    if observations.rest.reads:
        measures.add_count("rest_disagrees", observations.rest.disagreements)
    if observations.connections_left is not None:
        measures.add_count("connections_leaked", observations.connections_left)
    if observations.files_left is not None:
        measures.add_count("files_leaked", observations.files_left)
    if observations.sessions_left is not None:
        measures.add_count("sessions_leaked", observations.sessions_left)
    if observations.rights.probes:
        measures.add_count("rights_violated", observations.rights.violations)
    if observations.half_open_kept is not None:
        measures.add_count("half_open_kept", observations.half_open_kept)


def _count_stale(observations: Observations, clients: list[Client], findings: Findings) -> int:
    """Return how many clients have another last state than the server, on a channel that they
    follow; the first of them are named.
    """
    stale = 0
    for client in clients:
        wrong = [
            f"{stream.channel} of {stream.venue}"
            for (stream, kind), digest in observations.states.items()
            if stream in client.followed and client.states.get((stream, kind)) != digest
        ]
        stale += bool(wrong)
        for where in wrong:
            text = f"not_converged: {client.name}: its last state of {where} is not the server's"
            findings.add("not_converged", 1, client=client.name, text=text)
    return stale


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
        ("rest_read_time", observations.rest.read_time),
        ("figures_latency", _figures_latency(observations)),
        ("connect_time", results.connect_time),
        ("subscribe_time", results.subscribe_time),
        ("resume_time", results.resume_time),
        ("pong_time", _probe_pongs(observations)),
        ("t_detect", recovered.t_detect),
        ("t_reconnect", recovered.t_reconnect),
        ("t_subscribed", recovered.t_subscribed),
        ("t_consistent", recovered.t_consistent),
        ("t_paint", observations.paint),
        ("generator_lag", _merged(results.lag, observations.lag)),
        ("fsync_latency", observations.disk),
    ):
        measures.add_durations(name, histogram)
    measures.add_series("attempts", recovered.attempts)


def _add_failures(measures: Measures, observations: Observations) -> None:
    results = observations.results
    publisher_failures = observations.publisher.failures.total() if observations.publisher else 0
    measures.add_count("connect_failures", results.connect_failures)
    measures.add_count("http_failures", http_failures_of(observations).total())
    measures.add_count("publish_failures", results.failures.total() + publisher_failures)
    measures.add_count("drops", len(results.recoveries))
    own = sum(recovery.began_at is not None for recovery in results.recoveries)
    measures.add_count("faults", len(observations.injected) + own + len(observations.storms))


def _probe_client(observations: Observations) -> list[Client]:
    if observations.probe is None:
        return []
    follower = observations.probe.follower
    return [
        Client(
            follower.name,
            follower.accounts,
            follower.states,
            follower.is_current_at_end,
            follower.followed,
        )
    ]


def _figures_latency(observations: Observations) -> Histogram:
    return observations.probe.clock.latency if observations.probe else Histogram()


def _probe_pongs(observations: Observations) -> Histogram:
    return observations.probe.stats.pong_time if observations.probe else Histogram()


def _merged(*histograms: Histogram) -> Histogram:
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged
