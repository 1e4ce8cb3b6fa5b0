"""All the clients of one generator process: who they are, what befalls them, and what they report,
by files in the run's folder.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from rtdash.client.backoff import Backoff
from rtdash.loadtest.dashboard import Dashboard
from rtdash.loadtest.follower import Follower, Notes
from rtdash.loadtest.histogram import Histogram
from rtdash.loadtest.operations import Operations
from rtdash.loadtest.orders import OVER_FILE, TRAFFIC_FILE, Orders, load_heads, stream_name
from rtdash.loadtest.reading import Reader, scheduled_of
from rtdash.loadtest.scenario import Drops
from rtdash.protocol.channels import Stream, reservations_channel

TICK_S = 0.05
REPORT_EVERY_S = 0.5
JsonObject = dict[str, Any]


class Crew:
    """Made once a process, before its first user."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        # a load, no secret
        self.rng = random.Random(f"{orders.seed}/{os.getpid()}")  # noqa: S311
        self.notes = Notes()
        self.lag = Histogram()
        self.http_latency = Histogram()
        self.http: Counter[str] = Counter()
        self.http_failures: Counter[str] = Counter()
        self.published = Histogram()
        self.acknowledged: list[tuple[str, str, int]] = []
        """Operation id, stream's name, seq."""
        self.failures: Counter[str] = Counter()
        """Operations without an acknowledgement, by reason."""
        self.operations = Operations(orders.run_id, f"w{os.getpid()}", orders.venues, self.rng)
        self._reader = Reader(orders.run_id)
        self._dashboards: list[Dashboard] = []
        self._kinds = {venue.id: venue.kind for venue in orders.venues}
        self._heads: dict[Stream, int] | None = None
        self._has_traffic = False
        self._asked_at = time.monotonic()
        self.is_over = False
        """Whether the traffic has ended, so that nothing more is to be written."""
        self.writing = 0
        """Requests with operations under way."""

    def token(self, number: int) -> str:
        """The token of the so-manyth user."""
        return self.orders.tokens[number % len(self.orders.tokens)]

    def dashboard(self) -> Dashboard:
        """Another WebSocket user; the first of every so many are behind the proxy."""
        number = len(self._dashboards)
        orders = self.orders
        follower = Follower(
            f"client {os.getpid()}-{number}", list(orders.phase.channels), self._reader, self.notes
        )
        backoff = Backoff(
            self.rng, time.monotonic, first_s=orders.first_delay_s, longest_s=orders.longest_delay_s
        )
        dashboard = Dashboard(
            follower,
            orders.socket_url,
            self.token(number),
            self.notes,
            proxy_port=self._proxy_port(number),
            frozen_after_s=orders.frozen_after_s,
            backoff=backoff,
        )
        self._dashboards.append(dashboard)
        return dashboard

    def requested(self, name: str, duration_s: float, *, failure: str | None) -> None:
        """A REST request ended."""
        self.http_latency.record(duration_s)
        self.http[name] += 1
        if failure is not None:
            self.http_failures[f"{name}: {failure}"] += 1

    def sent(self, operations: list[JsonObject], outcomes: list[JsonObject], now: float) -> None:
        """Operations were answered."""
        for operation, outcome in zip(operations, outcomes, strict=True):
            if outcome["outcome"] == "refused":
                self.failures[str(outcome.get("problem", {}).get("title", "refused"))] += 1
                continue
            channel = reservations_channel(self._kinds[operation["venue"]])  # type: ignore[arg-type]
            self.acknowledged.append(
                (
                    operation["operationId"],
                    stream_name(Stream(operation["venue"], channel)),
                    outcome["seq"],
                )
            )
            self.operations.applied(operation, outcome["reservationId"])
            scheduled = scheduled_of(operation["operationId"], self.orders.run_id)
            if scheduled is not None:
                self.published.record(now - scheduled)

    def work(self, sleep: Callable[[float], None], *, is_over: Callable[[], bool]) -> None:
        """Look at the own lateness, report, and let things befall the clients, until it is over."""
        began = reported = self._asked_at = time.monotonic()
        misfortunes = self._misfortunes(began)
        due, befall = next(misfortunes)
        while not is_over():
            self._asked_at = time.monotonic()
            sleep(TICK_S)
            now = self._feel_lateness()
            while now >= due and self._heads is None:
                befall()
                due, befall = next(misfortunes)
            if now - reported >= REPORT_EVERY_S:
                reported = now
                self.report(now)

    def _feel_lateness(self) -> float:
        now = time.monotonic()
        self.lag.record_pause(max(0.0, now - self._asked_at - TICK_S), TICK_S)
        return now

    def report(self, now: float) -> None:
        """Where everything stands, as one line of a file."""
        self._heads = self._heads or load_heads(self.orders.folder)
        self.is_over = self.is_over or (Path(self.orders.folder) / OVER_FILE).exists()
        if not self._has_traffic and (Path(self.orders.folder) / TRAFFIC_FILE).exists():
            self._has_traffic, self.lag = True, Histogram()
        notes = self.notes
        line = {
            "at": now,
            "received": notes.received,
            "connected": notes.connected,
            "drops": len(notes.recoveries),
            "connect_failures": notes.connect_failures,
            "requests": self.http.total(),
            "http_failures": self.http_failures.total(),
            "acknowledged": len(self.acknowledged),
            "failures": self.failures.total(),
            "counts": notes.counts,
            "idle": self.is_over and not self.writing,
            "cpu_s": time.process_time(),
            "behind": (
                None
                if self._heads is None
                else sum(not one.follower.is_at(self._heads) for one in self._dashboards)
            ),
        }
        with self._path("ticks", "ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def finish(self) -> None:
        """Everything that is known, for the verdict."""
        self._feel_lateness()  # the last pause may be the longest, and has not ended yet
        notes, heads = self.notes, self._heads or {}
        told = {
            "clients": [_client_json(dashboard.follower) for dashboard in self._dashboards],
            "contents": {
                stream_name(stream): [[seq, digest] for seq, digest in entries.items()]
                for stream, entries in self._reader.contents.items()
            },
            "recoveries": [recovery.to_json() for recovery in notes.recoveries],
            "counts": notes.counts,
            "examples": notes.examples,
            "received": notes.received,
            "unread": sum(
                one.has_unread and not one.follower.is_at(heads) for one in self._dashboards
            ),
            "connect_failures": notes.connect_failures,
            "latency": notes.latency.to_json(),
            "connect_time": notes.connect_time.to_json(),
            "http_latency": self.http_latency.to_json(),
            "published": self.published.to_json(),
            "http": self.http,
            "http_failures": self.http_failures,
            "acknowledged": self.acknowledged,
            "failures": self.failures,
            "lag": self.lag.to_json(),
            "cpu_s": time.process_time(),
        }
        path = self._path("result", "json")
        written = path.with_suffix(".part")
        written.write_text(json.dumps(told), encoding="utf-8")
        written.replace(path)

    def _proxy_port(self, number: int) -> int | None:
        """Evenly, so many of all are behind the proxy."""
        drops = self.orders.phase.drops
        share = drops.share if drops is not None else 1.0
        return self.orders.proxy_port if int((number + 1) * share) > int(number * share) else None

    def _misfortunes(self, began: float) -> Iterator[tuple[float, Callable[[], None]]]:
        """What befalls clients by their own doing, and when; processes share the rate evenly by
        their number of clients.
        """
        drops = self.orders.phase.drops or Drops()
        kinds: Mapping[str, float] = {
            "clean": drops.clean,
            "flapping": drops.flapping,
            "slow": drops.slow,
        }
        per_s = sum(kinds.values()) / 60
        due = began
        while per_s:
            share = max(1, len(self._dashboards)) / max(1, self.orders.phase.dashboards)
            due += self.rng.expovariate(per_s * share)
            kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
            yield due, partial(self._befall, kind, drops.slow_s)
        yield float("inf"), lambda: None

    def _befall(self, kind: str, slow_s: float) -> None:
        standing = [
            one
            for number, one in enumerate(self._dashboards)
            if one.is_open and self._proxy_port(number) is not None
        ]
        if not standing:
            return
        victim = self.rng.choice(standing)
        if kind == "clean":
            victim.close_cleanly()
        elif kind == "flapping":
            victim.flap()
        else:
            victim.stop_reading(slow_s)

    def _path(self, kind: str, suffix: str) -> Path:
        return Path(self.orders.folder) / f"{kind}-{os.getpid()}.{suffix}"


def read_outcomes(body: Any, expected: int) -> list[JsonObject] | None:
    """The outcomes in an answer to operations; None when it isn't one."""
    with suppress(KeyError, TypeError):
        outcomes: list[JsonObject] = body["outcomes"]
        return outcomes if len(outcomes) == expected else None
    return None


def _client_json(follower: Follower) -> JsonObject:
    return {
        "name": follower.name,
        "accounts": {
            stream_name(stream): account.to_json() for stream, account in follower.accounts.items()
        },
        "states": [
            [stream_name(stream), kind, digest]
            for (stream, kind), digest in follower.states.items()
        ],
        "is_current": follower.is_subscribed or follower.is_current_at_end,
    }
