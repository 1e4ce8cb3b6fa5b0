"""Results that the generator's processes left behind, merged."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtdash.loadtest.generator.account import Acknowledged, StreamAccount
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import Content
from rtdash.loadtest.generator.recovery import Recovery
from rtdash.loadtest.generator.run_config import stream_name, stream_of
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Stream


@dataclass(frozen=True, slots=True)
class Client:
    """Client at the end of a phase."""

    name: str
    accounts: dict[Stream, StreamAccount]
    states: dict[tuple[Stream, str], str]
    is_current: bool
    followed: frozenset[Stream] = frozenset()
    latency: Histogram | None = None
    """Of its live events; None when a fault hit it."""


@dataclass(slots=True)
class Results:
    """Results of all processes of the generator; `processes` counts those that reported."""

    processes: int = 0
    clients: list[Client] = field(default_factory=list)
    contents: dict[Stream, dict[int, Content]] = field(default_factory=dict)
    recoveries: list[Recovery] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    received: int = 0
    bytes: int = 0
    unread: int = 0
    """Clients that were behind at the end, with bytes that the generator had
    not read."""
    connect_failures: int = 0
    fresh: int = 0
    """Connections that made a session."""
    latency: Histogram = field(default_factory=Histogram)
    connect_time: Histogram = field(default_factory=Histogram)
    connect_times: list[tuple[float, float]] = field(default_factory=list)
    subscribe_time: Histogram = field(default_factory=Histogram)
    resume_time: Histogram = field(default_factory=Histogram)
    slowest: dict[str, tuple[float, str]] = field(default_factory=dict)
    """The longest duration of a kind in seconds, and its client."""
    messages: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    compressed: int = 0
    http_latency: Histogram = field(default_factory=Histogram)
    published: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    http: Counter[str] = field(default_factory=Counter)
    http_failures: Counter[str] = field(default_factory=Counter)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0


_HISTOGRAMS = (
    "latency",
    "connect_time",
    "subscribe_time",
    "resume_time",
    "http_latency",
    "published",
    "lag",
)


def collect(folder: Path) -> Results:
    """Read the result files of a folder."""
    results = Results()
    for path in sorted(folder.glob("result-*.json")):
        _add(results, json.loads(path.read_text(encoding="utf-8")))
    return results


def _add(results: Results, data: dict[str, Any]) -> None:
    results.processes += 1
    for name in (
        "received",
        "bytes",
        "unread",
        "connect_failures",
        "fresh",
        "cpu_s",
        "batches",
        "compressed",
    ):
        setattr(results, name, getattr(results, name) + data[name])
    for name in ("counts", "http", "http_failures", "failures", "messages"):
        getattr(results, name).update(data[name])
    for name in _HISTOGRAMS:
        getattr(results, name).merge(Histogram.from_json(data[name]))
    results.connect_times += [(at, duration_s) for at, duration_s in data["connect_times"]]
    for name, (duration_s, client) in data["slowest"].items():
        longest = max(results.slowest.get(name, (0.0, "")), (duration_s, client))
        results.slowest[name] = longest
    results.examples += data["examples"]
    results.recoveries += [Recovery(**one) for one in data["recoveries"]]
    results.acknowledged += [
        Acknowledged(one, stream_of(stream), seq) for one, stream, seq in data["acknowledged"]
    ]
    results.clients += [_client(one) for one in data["clients"]]
    for name, entries in data["contents"].items():
        _merge_contents(results, stream_of(name), entries)


def _merge_contents(
    results: Results, stream: Stream, entries: list[tuple[int, str, str | None]]
) -> None:
    """Merge the contents of another process; two contents under one seq are invalid."""
    known = results.contents.setdefault(stream, {})
    for seq, digest, operation_id in entries:
        content = Content(digest, operation_id)
        if known.setdefault(seq, content) != content:
            results.counts["invalid"] += 1
            results.examples.append(
                f"invalid: {stream.channel} seq {seq} says one thing to one process and another to"
                " another"
            )


def _client(data: dict[str, Any]) -> Client:
    accounts = {
        stream_of(name): StreamAccount.from_json(account)
        for name, account in data["accounts"].items()
    }
    states = {(stream_of(name), kind): digest for name, kind, digest in data["states"]}
    return Client(
        str(data["name"]),
        accounts,
        states,
        bool(data["is_current"]),
        frozenset(stream_of(name) for name in data["followed"]),
        None if data["latency"] is None else Histogram.from_json(data["latency"]),
    )


def client_json(follower: Follower) -> dict[str, Any]:
    """Return what a client has at the end, as JSON for another process."""
    return {
        "name": follower.name,
        "accounts": {
            stream_name(stream): account.to_json() for stream, account in follower.accounts.items()
        },
        "states": [
            [stream_name(stream), kind, digest]
            for (stream, kind), digest in follower.states.items()
        ],
        "followed": [stream_name(stream) for stream in follower.followed],
        "latency": None if follower.is_disturbed else follower.latency.to_json(),
        "is_current": follower.is_subscribed or follower.is_current_at_end,
    }
