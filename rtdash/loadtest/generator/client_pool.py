"""Pool of the clients of one generator process: misbehaviour, reports and results, by files in the
run's folder.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rtdash.domain.venues import VenueKind
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader, scheduled_of
from rtdash.loadtest.generator.misbehaviour import Misbehaviour
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.generator.results import client_json
from rtdash.loadtest.generator.run_config import (
    OVER_FILE,
    TRAFFIC_FILE,
    RunConfig,
    load_heads,
    stream_name,
)
from rtdash.loadtest.generator.variants import Variant
from rtdash.loadtest.generator.websocket_user import WebSocketUser
from rtdash.loadtest.plan.histogram import Histogram
from rtdash.protocol.channels import Stream, reservations_channel
from rtdash.protocol.client_session import ClientSession

TICK_S = 0.05
REPORT_EVERY_S = 0.5
JsonObject = dict[str, Any]


class ClientPool:
    """Pool of the WebSocket clients of one generator process, and its counters. Made before the
    first user.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        # a load, no secret
        self.rng = random.Random(f"{config.seed}/{os.getpid()}")  # noqa: S311
        self.stats = ClientStats()
        self.lag = Histogram()
        self.http_latency = Histogram()
        self.http: Counter[str] = Counter()
        self.http_failures: Counter[str] = Counter()
        self.published = Histogram()
        self.acknowledged: list[tuple[str, str, int]] = []
        """Operation id, stream's name, seq."""
        self.failures: Counter[str] = Counter()
        """Operations without an acknowledgement, by reason."""
        self.operations = OperationSource(config.run_id, f"w{os.getpid()}", config.venues, self.rng)
        self._reader = MessageReader(config.run_id)
        self._websocket_users: list[WebSocketUser] = []
        self._kinds = {venue.id: VenueKind(venue.kind) for venue in config.venues}
        self._heads: dict[Stream, int] | None = None
        self._has_traffic = False
        self._asked_at = time.monotonic()
        self.is_over = False
        """Whether the traffic has ended, so that nothing more is to be written."""
        self.writing = 0
        """Requests with operations under way."""

    def token(self, number: int) -> str:
        """Return the token of user number `number`."""
        return self.config.tokens[number % len(self.config.tokens)]

    def websocket_user(self) -> WebSocketUser:
        """Add a WebSocket user; an even share of them is behind the fault proxy."""
        number = len(self._websocket_users)
        config = self.config
        variant = Variant.of(number, config.phase, config.limited_tokens)
        proxy_port = self._proxy_port(number)
        follower = Follower(
            f"client {os.getpid()}-{number} ({variant.words}{', fault proxy' if proxy_port else ''})",
            ClientSession(variant.channels, batch_ms=variant.batch_ms),
            self._reader,
            self.stats,
            timing=config.timing,
            rng=self.rng,
            asks_twice=variant.asks_twice,
        )
        websocket_user = WebSocketUser(
            follower,
            config.socket_url,
            variant.token or self.token(number),
            self.stats,
            timing=config.timing,
            proxy_port=proxy_port,
            compress=variant.compress,
        )
        self._websocket_users.append(websocket_user)
        return websocket_user

    def requested(self, name: str, duration_s: float, *, failure: str | None) -> None:
        """Record the end of a REST request."""
        self.http_latency.record(duration_s)
        self.http[name] += 1
        if failure is not None:
            self.http_failures[f"{name}: {failure}"] += 1

    def sent(self, operations: list[JsonObject], outcomes: list[JsonObject], now: float) -> None:
        """Record the outcomes of a request with operations."""
        for operation, outcome in zip(operations, outcomes, strict=True):
            if outcome["outcome"] == "refused":
                self.failures[str(outcome.get("problem", {}).get("title", "refused"))] += 1
                continue
            channel = reservations_channel(self._kinds[operation["venue"]])
            self.acknowledged.append(
                (
                    operation["operationId"],
                    stream_name(Stream(operation["venue"], channel)),
                    outcome["seq"],
                )
            )
            self.operations.applied(operation, outcome["reservationId"])
            scheduled = scheduled_of(operation["operationId"], self.config.run_id)
            if scheduled is not None:
                self.published.record(now - scheduled)

    def work(self, sleep: Callable[[float], None], *, is_over: Callable[[], bool]) -> None:
        """Measure the lateness of this process, write reports and misbehave as the phase asks,
        until it is over.
        """
        began = reported = self._asked_at = time.monotonic()
        misbehaviour = Misbehaviour(self.config.phase, self.rng, began)
        while not is_over():
            self._asked_at = time.monotonic()
            sleep(TICK_S)
            now = self._record_lateness()
            if self._heads is None:
                misbehaviour.run_due(now, self._websocket_users)
            if now - reported >= REPORT_EVERY_S:
                reported = now
                self.report(now)

    def _record_lateness(self) -> float:
        now = time.monotonic()
        self.lag.record_pause(max(0.0, now - self._asked_at - TICK_S), TICK_S)
        return now

    def report(self, now: float) -> None:
        """Append the present counters to this process's report file, as one line."""
        self._heads = self._heads or load_heads(self.config.folder)
        self.is_over = self.is_over or (Path(self.config.folder) / OVER_FILE).exists()
        if not self._has_traffic and (Path(self.config.folder) / TRAFFIC_FILE).exists():
            self._has_traffic, self.lag = True, Histogram()
        stats = self.stats
        line = {
            "at": now,
            "received": stats.received,
            "connected": stats.connected,
            "drops": len(stats.recoveries),
            "connect_failures": stats.connect_failures,
            "requests": self.http.total(),
            "http_failures": self.http_failures.total(),
            "acknowledged": len(self.acknowledged),
            "failures": self.failures.total(),
            "counts": stats.counts,
            "idle": self.is_over and not self.writing,
            "cpu_s": time.process_time(),
            "behind": (
                None
                if self._heads is None
                else sum(not one.follower.is_at(self._heads) for one in self._websocket_users)
            ),
        }
        with self._path("reports", "ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def finish(self) -> None:
        """Write all results of this process for the verdict."""
        self._record_lateness()  # the last pause may be the longest, and has not ended yet
        stats, heads = self.stats, self._heads or {}
        data = {
            "clients": [
                client_json(websocket_user.follower) for websocket_user in self._websocket_users
            ],
            "contents": {
                stream_name(stream): [[seq, *content] for seq, content in entries.items()]
                for stream, entries in self._reader.contents.items()
            },
            **stats.to_json(),
            "unread": sum(
                one.has_unread and not one.follower.is_at(heads) for one in self._websocket_users
            ),
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
        written.write_text(json.dumps(data), encoding="utf-8")
        written.replace(path)

    def _proxy_port(self, number: int) -> int | None:
        """Return the proxy's port for the users behind it, spread evenly; None for the others."""
        drops = self.config.phase.drops
        share = drops.share if drops is not None else 1.0
        return self.config.proxy_port if int((number + 1) * share) > int(number * share) else None

    def _path(self, kind: str, suffix: str) -> Path:
        return Path(self.config.folder) / f"{kind}-{os.getpid()}.{suffix}"


def read_outcomes(body: Any, expected: int) -> list[JsonObject] | None:
    """Return the outcomes in an answer to operations; None when it isn't one."""
    with suppress(KeyError, TypeError):
        outcomes: list[JsonObject] = body["outcomes"]
        return outcomes if len(outcomes) == expected else None
    return None
