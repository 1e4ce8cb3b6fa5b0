"""The metrics of a run: meaning, unit, and the statistics that an SLO may ask for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from rtdash.loadtest.plan.histogram import Histogram

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
Value = float
Values = dict[str, Value]
"""Statistic → value, in the metric's unit."""


class Kind(Enum):
    """Kind of a metric; the value names its statistics."""

    DURATION = ("p50", "p90", "p95", "p99", "p999", "max", "mean", "count")
    COUNT = ("total",)
    SERIES = ("mean", "max", "min")
    VALUE = ("value",)


@dataclass(frozen=True, slots=True)
class Metric:
    """Definition of a metric."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    is_by_channel: bool = False


_ALL = (
    Metric(
        "delivery_latency",
        Kind.DURATION,
        "ms",
        "from the scheduled instant of an operation to the receipt of its event by the probe",
    ),
    Metric(
        "bystander_latency",
        Kind.DURATION,
        "ms",
        "the same, from the first fault on, by clients that no fault was aimed at",
    ),
    Metric(
        "user_latency",
        Kind.DURATION,
        "ms",
        "the same, by all the generator's clients: its own jitter is in it",
    ),
    Metric(
        "publish_latency",
        Kind.DURATION,
        "ms",
        "from the scheduled instant of an operation to its acknowledgement",
    ),
    Metric("http_latency", Kind.DURATION, "ms", "of the REST users' requests"),
    Metric(
        "connect_time", Kind.DURATION, "ms", "from the first byte of a connection to its upgrade"
    ),
    Metric("t_detect", Kind.DURATION, "ms", "from a fault until the client noticed"),
    Metric("t_reconnect", Kind.DURATION, "ms", "from noticing until a connection stood again"),
    Metric(
        "t_subscribed",
        Kind.DURATION,
        "ms",
        "from noticing until its subscriptions were confirmed again",
    ),
    Metric("t_consistent", Kind.DURATION, "ms", "from noticing until all that was missed had come"),
    Metric(
        "generator_lag",
        Kind.DURATION,
        "ms",
        "by how much the generator's and the probe's timers were late",
    ),
    Metric("attempts", Kind.SERIES, "", "connection attempts a recovery"),
    Metric(
        "lost",
        Kind.COUNT,
        "",
        "events of a client's range that it never received",
        is_by_channel=True,
    ),
    Metric("duplicated", Kind.COUNT, "", "events that a client received again", is_by_channel=True),
    Metric("reordered", Kind.COUNT, "", "events that came after a later one", is_by_channel=True),
    Metric(
        "recovered",
        Kind.COUNT,
        "",
        "events that were missed and came after the reconnection",
        is_by_channel=True,
    ),
    Metric(
        "resets",
        Kind.COUNT,
        "",
        "resets: notices to clients that history is gone",
        is_by_channel=True,
    ),
    Metric("invalid", Kind.COUNT, "", "messages with a wrong field, or other content than logged"),
    Metric(
        "unexpected", Kind.COUNT, "", "events that aren't in the log, or of streams not followed"
    ),
    Metric(
        "acknowledged_lost",
        Kind.COUNT,
        "",
        "acknowledged operations that the log doesn't have at their seq",
    ),
    Metric(
        "not_converged", Kind.COUNT, "", "clients whose last state isn't the server's at the end"
    ),
    Metric(
        "not_recovered", Kind.COUNT, "", "clients that were not connected and caught up at the end"
    ),
    Metric(
        "sessions_forgotten", Kind.COUNT, "", "resumes of a session that the server didn't know"
    ),
    Metric(
        "connections_leaked",
        Kind.COUNT,
        "",
        "connections that the server still counts after all have closed",
    ),
    Metric(
        "connect_failures",
        Kind.COUNT,
        "",
        "connection attempts that failed while the server was up",
    ),
    Metric(
        "http_failures", Kind.COUNT, "", "REST requests answered with 4xx or 5xx, or not at all"
    ),
    Metric(
        "publish_failures", Kind.COUNT, "", "operations that were refused, or never acknowledged"
    ),
    Metric("errors", Kind.COUNT, "", "error messages on sockets"),
    Metric("drops", Kind.COUNT, "", "connections lost, for whatever reason"),
    Metric("faults", Kind.COUNT, "", "faults brought about"),
    Metric("publish_rate", Kind.SERIES, "/s", "operations acknowledged"),
    Metric("delivery_rate", Kind.SERIES, "/s", "messages received and verified"),
    Metric("connections", Kind.SERIES, "", "clients connected"),
    Metric("server_cpu", Kind.SERIES, "cores", "of a server that the run started itself"),
    Metric("server_memory", Kind.SERIES, "MiB", "resident, likewise"),
    Metric(
        "server_memory_growth",
        Kind.VALUE,
        "MiB",
        "by how much it grew from the middle of the phase to its end, a tenth of it each",
    ),
    Metric("generator_cpu", Kind.SERIES, "cores", "of the busiest process of the generator"),
    Metric(
        "server_cpu_per_client", Kind.VALUE, "ms/s", "CPU time of the server a client and second"
    ),
    Metric(
        "verified_per_cpu_second",
        Kind.VALUE,
        "/s",
        "messages verified a CPU second of the generator",
    ),
    Metric(
        "knee", Kind.VALUE, "/s", "the greatest offered rate of a ramp that the server kept up with"
    ),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}


@dataclass(slots=True)
class Measures:
    """Values by metric and scope: None for all of a phase, or a channel."""

    values: dict[tuple[str, str | None], Values] = field(default_factory=dict)

    def add_durations(self, name: str, histogram: Histogram) -> None:
        """Add a histogram; an empty one adds nothing."""
        if histogram.count:
            self._add(name, None, describe(histogram))

    def add_count(self, name: str, total: float, channel: str | None = None) -> None:
        """Add a count, zero included."""
        self._add(name, channel, {"total": total})

    def add_series(self, name: str, values: Iterable[float]) -> None:
        """Add a series; an empty one adds nothing."""
        known = list(values)
        if known:
            self._add(
                name, None, {"mean": sum(known) / len(known), "max": max(known), "min": min(known)}
            )

    def add_value(self, name: str, value: float) -> None:
        """Add one number."""
        self._add(name, None, {"value": value})

    def get(self, name: str, statistic: str, scope: str | None = None) -> Value | None:
        """Return a value, or None when it wasn't measured."""
        return self.values.get((name, scope), {}).get(statistic)

    def items(self) -> Iterator[tuple[str, str | None, Values]]:
        """Yield all values in the order of the catalogue."""
        order = list(METRICS)
        for (name, scope), values in sorted(
            self.values.items(), key=lambda item: (order.index(item[0][0]), item[0][1] or "")
        ):
            yield name, scope, values

    def _add(self, name: str, scope: str | None, values: Values) -> None:
        assert set(values) == set(METRICS[name].kind.value), (
            "what is measured is what the catalogue says"
        )
        self.values[name, scope] = values


def describe(histogram: Histogram) -> Values:
    """Return a histogram's statistics, in milliseconds."""
    values = {name: histogram.quantile(share) * 1000 for name, share in QUANTILES.items()}
    return values | {
        "max": histogram.max_s * 1000,
        "mean": histogram.mean_s * 1000,
        "count": histogram.count,
    }
