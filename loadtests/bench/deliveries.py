"""Deliveries: one run each of our server, the floor, the plain loop and the other servers, with
clients that count what comes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import HELLO, RATE, Bench
from processes import (
    Counting,
    Server,
    Subscription,
    counting,
    floor,
    free_ports,
    plain,
    rtdash,
    serving,
)
from rivals import Rival
from traffic import Caller, pace

FRAME_HEAD_BYTES = 4
FLOORS = 5
TICK_S = 0.01
"""Unit in which the kernel counts CPU: less counts as none."""


@dataclass(frozen=True, slots=True)
class Fanned:
    """One run: server CPU a delivery, wire bytes a frame, and for each event the time from sending
    it to its last receipt.
    """

    cpu_us: float
    frame_bytes: float
    latencies_ms: list[float]
    a_second: float
    lost: int

    def quantile_ms(self, share: float) -> float:
        """Of the latencies."""
        return sorted(self.latencies_ms)[
            min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * share))
        ]


def deliver_paced(bench: Bench, subscribers: int, events: int, *options: str) -> Fanned:
    """Single bookings at the suite's rate."""
    with _following(bench, subscribers, events, options) as (server, clients):
        cpu_s = server.cpu_s()
        sent = Caller(server).post_paced(events, rate=RATE)
        return _fanned(clients.result(), server.cpu_s() - cpu_s, sent)


def deliver_bursts(bench: Bench, subscribers: int, events: int, *options: str) -> Fanned:
    """Bookings 100 a request, as fast as they are taken."""
    with _following(bench, subscribers, events, options) as (server, clients):
        cpu_s = server.cpu_s()
        Caller(server).post_lists(events)
        return _fanned(clients.result(), server.cpu_s() - cpu_s)


def paced_alone_s(bench: Bench, events: int) -> float:
    """CPU of the same bookings without a subscriber."""
    with rtdash(bench.data) as server:
        cpu_s = server.cpu_s()
        Caller(server).post_paced(events, rate=RATE)
        return server.cpu_s() - cpu_s


def measure_floor(bench: Bench, sockets: int, size: int, *, rounds: int) -> dict[str, float]:
    """The medians of several floors: whether a reader is woken on its writer's processor is a
    matter of luck, and doubles the time.
    """
    runs = [floor(bench.directory, sockets, size, rounds=rounds, rate=RATE) for _ in range(FLOORS)]
    return {figure: median(run[figure] for run in runs) for figure in runs[0]}


def deliver_by_rival(
    bench: Bench, rival: Rival, subscribers: int, events: int, body: bytes, *, rate: float = 0
) -> Fanned:
    """Another server with as many subscribers and messages of the same size; without a rate, as
    fast as it takes them.
    """
    port, second = free_ports(2)
    command = rival.command(bench.directory / rival.name, port, second)
    with (
        serving(command, port, dict(os.environ)) as server,
        counting(
            bench.directory, port, rival.subscription(len(body)), subscribers, events
        ) as clients,
    ):
        publisher = rival.publisher(port, second)
        cpu_s = server.cpu_s()
        if rate:
            pace(events, rate, lambda _turn: publisher.publish([body]))
        else:
            publisher.publish([body] * events)
        return _fanned(clients.result(), server.cpu_s() - cpu_s)


def deliver_by_plain_loop(bench: Bench, subscribers: int, events: int) -> float:
    """Microseconds of CPU a delivery of the plain loop, at the same pace."""
    with (
        plain("loop") as server,
        counting(bench.directory, server.port, _ours(server, ()), subscribers, events) as clients,
    ):
        cpu_s = server.cpu_s()
        Caller(server).post_paced(events, rate=RATE, path="/publish")
        return _fanned(clients.result(), server.cpu_s() - cpu_s).cpu_us


def body_of(run: Fanned) -> bytes:
    """A message of the size that was delivered."""
    return b"x" * (int(run.frame_bytes) - FRAME_HEAD_BYTES)


@contextmanager
def _following(
    bench: Bench, subscribers: int, events: int, options: tuple[str, ...]
) -> Iterator[tuple[Server, Counting]]:
    """Our server, and clients that count."""
    with (
        rtdash(bench.data) as server,
        counting(
            bench.directory, server.port, _ours(server, options), subscribers, events
        ) as clients,
    ):
        yield server, clients


def _ours(server: Server, options: tuple[str, ...]) -> Subscription:
    return Subscription(f"/ws?token={server.token}", HELLO, options)


def _fanned(counted: dict[str, Any], cpu_s: float, sent: list[float] | None = None) -> Fanned:
    frames, cpu_s = max(1, counted["frames"]), max(TICK_S, cpu_s)
    latencies = (
        [(last - start) * 1e3 for start, last in zip(sent, counted["last_at"], strict=True)]
        if sent
        else []
    )
    return Fanned(
        cpu_s * 1e6 / frames,
        counted["bytes"] / frames,
        latencies,
        frames / max(counted["span_s"], 1e-9),
        counted["lost"],
    )
