"""Counters of the clients of one process."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rtdash.loadtest.generator.account import EXAMPLES
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.plan.histogram import Histogram

MOST_CONNECTS = 5000
EXAMPLES_OF_KIND = 8


class ClientStats:
    """Counters of all followers of a process. `heard` gets each live event's latency in seconds,
    beside the histogram.
    """

    def __init__(self, heard: Callable[[float], None] | None = None) -> None:
        self.received = 0
        self.bytes = 0
        """Of all messages, inflated."""
        self.connected = 0
        self.connects = 0
        self.compressed = 0
        """Connections on which compression was agreed."""
        self.batches = 0
        self.connect_failures = 0
        self.fresh = 0
        """Connections without a session to resume, each of which makes one."""
        self._heard = heard
        self.latency = Histogram()
        self.connect_time = Histogram()
        self.connect_times: list[tuple[float, float]] = []
        """Instant and duration of the first MOST_CONNECTS connections, for their trend."""
        self.subscribe_time = Histogram()
        self.resume_time = Histogram()
        self.pong_time = Histogram()
        self.slowest: dict[str, tuple[float, str]] = {}
        """The longest duration of a kind in seconds, and its client."""
        self.recoveries: list[Recovery] = []
        self.messages: Counter[str] = Counter()
        """By type and channel."""
        self.state_changes: Counter[str] = Counter()
        """State messages with other figures than the one before, by channel."""
        self.counts: Counter[str] = Counter()
        """unexpected, invalid, sessions_forgotten, errors."""
        self.examples: list[str] = []

    def hear(self, latency_s: float, own: Histogram) -> None:
        """Record the latency of a live event, also in the client's own histogram."""
        bucket = self.latency.record(latency_s)
        own.record_in(bucket, latency_s)
        if self._heard is not None:
            self._heard(latency_s)

    def opened(self, began: float, duration_s: float, *, client: str, is_compressed: bool) -> None:
        """Record a connection that was opened."""
        self.connects += 1
        self.compressed += is_compressed
        self.took("connect_time", duration_s, client)
        if len(self.connect_times) < MOST_CONNECTS:
            self.connect_times.append((began, duration_s))

    def took(self, name: str, duration_s: float, client: str) -> None:
        """Record how long something took a client: connect_time, subscribe_time, resume_time."""
        durations: Histogram = getattr(self, name)
        durations.record(duration_s)
        self.slowest[name] = max(self.slowest.get(name, (0.0, "")), (duration_s, client))

    def to_json(self) -> dict[str, Any]:
        """Return all counters as JSON for another process."""
        durations = ("latency", "connect_time", "subscribe_time", "resume_time")
        counters = (
            "received",
            "bytes",
            "batches",
            "compressed",
            "connect_failures",
            "fresh",
            "connect_times",
            "slowest",
        )
        return {
            **{name: getattr(self, name) for name in counters},
            **{name: getattr(self, name).to_json() for name in durations},
            "messages": self.messages,
            "counts": self.counts,
            "examples": self.examples,
            "recoveries": [recovery.to_json() for recovery in self.recoveries],
        }

    def find(self, kind: str, text: str) -> None:
        """Record a fault of the server, with its first examples in words."""
        self.counts[kind] += 1
        if self.counts[kind] <= EXAMPLES_OF_KIND and len(self.examples) < EXAMPLES:
            self.examples.append(f"{kind}: {text}")
