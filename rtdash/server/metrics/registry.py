"""Metrics for Prometheus: one registry a server, so that several in one process don't share their
figures.
"""

import time
from collections.abc import Awaitable, Callable, Hashable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector

from rtdash.server.metrics.instruments import CounterInstrument, HistogramInstrument
from rtdash.server.metrics.sliding_maximum import SlidingMaximum
from rtdash.server.tls import Certificate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LIMITS = (
    "max_connections",
    "http_connections",
    "connections_per_user",
    "handshakes_per_minute",
    "channels_per_connection",
    "messages_per_second",
    "message_limit_bytes",
    "buffer_limit_bytes",
    "requests_per_second",
    "requests_of_an_address",
    "handshake_timeout_s",
    "head_limit_bytes",
    "heads_in_flight_bytes",
    "bodies_in_flight_bytes",
    "body_timeout_s",
    "unread_timeout_s",
    "unread_bytes",
)
"""Labels of `limit_refusals`: settings by their names, `max_connections` in its second sense, and
three bounds that are fixed.

`evictions` has the rest by close code.
"""


SIGN_IN_FAILURES = ("expired", "revoked", "invalid", "code")
"""Reasons of `sign_in_failures`: of tokens, and of sign-in codes."""


class Metrics:
    """The metrics, each an attribute. `limit_refusals` is labelled by the limit's name, `replays`
    by outcome, `evictions` by close code.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(
            registry=self.registry
        )  # memory, CPU, open files: process_resident_memory_bytes and so on
        self._add_writes()
        self._add_connections()
        self._add_refusals()
        self._add_delays()

    def _add_writes(self) -> None:
        tally, timings = self._tally, self._timings
        self.requests = tally(
            "http_requests", "HTTP requests answered", "method", "route", "status"
        )
        self.request_seconds = timings(
            "http_request_seconds", "Seconds from a request's head to its answer's", "route"
        )
        self.operations = tally("operations", "Operations by what became of them", "outcome")
        self.events = tally("events", "Events appended by this process")
        self.guests_anonymised = tally(
            "guests_anonymised", "Reservations anonymised by age, by this process"
        )
        self.commit_seconds = timings(
            "commit_seconds", "Seconds that a transaction of the write path takes"
        )
        self.queue_seconds = timings(
            "queue_seconds", "Seconds that a write waits for its transaction"
        )

    def _add_connections(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.connections = gauge("connections", "Open WebSocket connections")
        self.subscriptions = gauge("subscriptions", "Subscriptions of open connections")
        self.buffered_bytes = gauge(
            "buffered_bytes", "Bytes written to connections that the kernel has not taken"
        )
        self.evictions = counter("evictions", "Connections that the server closed", "code")
        self.replays = counter("replays", "Recoveries of a stream by outcome", "outcome")
        for outcome in ("recovered", "reset", "failed"):
            self.replays.labels(outcome)

    def _add_refusals(self) -> None:
        counter = self._counter
        self.limit_refusals = counter(
            "limit_refusals", "What limits refused, or would have in a dry run", "limit"
        )
        for limit in LIMITS:
            self.limit_refusals.labels(
                limit
            )  # there from the start, so that the first refusal shows as a rise
        self.sign_in_failures = counter(
            "sign_in_failures", "Tokens and sign-in codes that were refused", "reason"
        )
        for reason in SIGN_IN_FAILURES:
            self.sign_in_failures.labels(reason)

    def _add_delays(self) -> None:
        counter, timings = self._counter, self._timings
        self.delivery_seconds = timings(
            "delivery_seconds",
            "Seconds from publishing to the hand-over to connections, measured by a canary",
        )
        self.canaries_lost = counter(
            "canaries_lost", "What the process published to itself, and did not get"
        )
        self.loop_lag_seconds = timings(
            "loop_lag_seconds", "Seconds by which the event loop was late, looked at all the time"
        )
        self._largest_lag = SlidingMaximum(time.monotonic)
        self._reader: Hashable | None = None
        self._refreshes: list[Callable[[], Awaitable[None]]] = []
        self._gauge(
            "loop_lag_max_seconds", "The most of it since the same connection last asked"
        ).set_function(lambda: self._largest_lag.maximum_for(self._reader))

    def count_request(self, method: str, route: str, status: int, took_s: float) -> None:
        """One HTTP request that was answered."""
        self.requests.add(1, method, route, str(status))
        self.request_seconds.observe(took_s, route)

    def record_lag(self, late_s: float) -> None:
        """Record by how much the event loop was late just now."""
        self.loop_lag_seconds.observe(late_s)
        self._largest_lag.record(late_s)

    def follow(
        self,
        read: Callable[[], Iterable[Metric]],
        refresh: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Ask `read` for further figures at each exposition, for parts that count by themselves.
        `refresh` makes them current before a client gets them; it ends by itself in a moment.
        """
        self.registry.register(_Reading(read))
        if refresh is not None:
            self._refreshes.append(refresh)

    def count_refused_token(self, *, expired: bool, revoked: bool) -> None:
        """Count a token that was refused."""
        reason = "expired" if expired else "revoked" if revoked else "invalid"
        self.sign_in_failures.labels(reason).inc()

    def watch_certificate(self, certificate: Certificate) -> None:
        """Show the end of the server's certificate."""
        self._gauge(
            "certificate_end_timestamp_seconds", "Unix time at which the server's certificate ends"
        ).set_function(lambda: certificate.expires_at)

    async def current_exposition(self, reader: Hashable | None = None) -> bytes:
        """Return all metrics as `exposition` does, those of followed parts made current before."""
        for refresh in self._refreshes:
            await refresh()
        return self.exposition(reader)

    def exposition(self, reader: Hashable | None = None) -> bytes:
        """Return all metrics in Prometheus' text format. A `reader`, such as a connection, gets the
        maxima since it last asked.
        """
        self._reader = reader
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"rtdash_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"rtdash_{name}", text, labels, registry=self.registry)

    def _tally(self, name: str, text: str, *labels: str) -> CounterInstrument:
        return CounterInstrument(self.registry, f"rtdash_{name}", text, labels)

    def _timings(self, name: str, text: str, label: str = "") -> HistogramInstrument:
        return HistogramInstrument(self.registry, f"rtdash_{name}", text, label)


class _Reading(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Return the present value."""
        return self._read()
