"""Findings of a phase in words, beside those of the ledger."""

from collections import Counter
from collections.abc import Iterator

from rtdash.loadtest.verdict.neighbours import latest_clients
from rtdash.loadtest.verdict.observations import Observations

_MOST_FILES = 16
_LATE_MS = 300.0


def describe_findings(observations: Observations) -> list[str]:
    """Return what the clients, the model and the checks of REST found, and what failed."""
    return [
        *observations.results.examples,
        *(observations.probe.stats.examples if observations.probe else ()),
        *observations.model.examples,
        *observations.rest.examples,
        *observations.rights.examples,
        *latest_clients(observations.results.clients, _LATE_MS),
        *_failures(observations),
        *_leaks(observations),
    ]


def http_failures_of(observations: Observations) -> Counter[str]:
    """Return the REST requests that failed, by path and reason: those of the users, and those of
    the checks unless the run itself took the server away.
    """
    checked = Counter[str]() if observations.storms else observations.rest.failures
    return observations.results.http_failures + checked


def _failures(observations: Observations) -> Iterator[str]:
    for what, count in http_failures_of(observations).most_common(5):
        yield f"http_failures: {what}: {count} times"
    failures = observations.results.failures + (
        observations.publisher.failures if observations.publisher else Counter()
    )
    for what, count in failures.most_common(5):
        yield f"publish_failures: {what}: {count} operations"


def _leaks(observations: Observations) -> Iterator[str]:
    if observations.connections_left:
        yield (
            "connections_leaked: the server still counts"
            f" {observations.connections_left} connections after all have closed"
        )
    if observations.files_left and observations.files_left > _MOST_FILES:
        yield (
            f"files_leaked: the server has {observations.files_left:.0f} more open files after all"
            " clients have gone than before they came"
        )
    if observations.sessions_left:
        yield (
            f"sessions_leaked: the server keeps {observations.sessions_left} sessions more than"
            " clients asked for, or longer than it must"
        )
    if observations.half_open_kept:
        yield "half_open_kept: a client that answers no ping is still connected"
