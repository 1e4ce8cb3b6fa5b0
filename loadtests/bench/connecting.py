"""Connections: what each holds and costs, and 10,000 of them that are lost in one instant and come
back.
"""

import json
import os
import threading
import time
from typing import Any

import centrifugo
from bench import HELLO, RATE, Bench, Figures
from processes import (
    Subscription,
    counting,
    free_ports,
    may_open,
    plain,
    rtdash,
    serving,
    started,
)
from traffic import Caller

CHANNEL = "restaurant_reservations"
BYSTANDERS = 100


def connections(bench: Bench) -> Figures:
    """Rows 4 and 5. Memory of a subscribed connection; the CPU of handshake, token, subscribe and
    first answer, and of the plain loop's and Centrifugo's.
    """
    number = bench.size(5_000)
    memory, ours = _connect(bench, rtdash(bench.data), number)
    _, theirs = _connect(bench, plain("loop"), number)
    figures = {
        "kib_a_connection": memory / 1024,
        "connect_us": ours,
        "plain_loop_us": theirs,
        "of_plain_loop": ours / theirs,
    }
    if not centrifugo.is_here():
        bench.missing["of_centrifugo"] = centrifugo.NEEDS
        return figures
    (port,) = free_ports(1)
    running = serving(centrifugo.command(bench.directory, port), port, dict(os.environ))
    memory, theirs = _connect(bench, running, number, centrifugo.subscription())
    return figures | {
        "centrifugo_kib": memory / 1024,
        "centrifugo_us": theirs,
        "of_centrifugo": ours / theirs,
    }


def storm(bench: Bench) -> Figures:
    """Row 8. All connections reset at once and dialed again at once, while 40 bookings a second go
    to all of them and to bystanders.
    """
    clients, bystanders = bench.size(10_000), min(BYSTANDERS, bench.size(10_000))
    if not may_open(clients + bystanders + 200):
        bench.missing.update(
            dict.fromkeys(
                ("back_s", "lost"), f"{clients + bystanders + 200:,} open files (ulimit -Hn)"
            )
        )
        return {}
    events = bench.size(25 * RATE)
    before = events // 8
    with rtdash(bench.data) as server:
        following = Subscription(f"/ws?token={server.token}", HELLO)
        command = [
            str(bench.directory / "storm"),
            str(server.port),
            following.path,
            str(clients),
            CHANNEL,
        ]
        with (
            counting(bench.directory, server.port, following, bystanders, events) as watching,
            started(command) as storming,
        ):
            dropping = threading.Timer(before / RATE, _tell, (storming, "drop"))
            dropping.start()
            due = Caller(server).post_on_time(events, rate=RATE)
            returned = _hear(storming)
            _tell(storming, "end")
            ended, seen = _hear(storming), watching.result()
    late = sorted(
        (last - start) * 1e3
        for start, last in zip(due[before:], seen["last_at"][before:], strict=True)
    )
    return {
        "back_s": returned["back_s"],
        "median_back_s": returned["median_s"],
        "not_back": clients - returned["back"],
        "lost": ended["lost"] + ended["behind"] + (events - ended["events"]) * clients,
        "repeated": ended["repeated"],
        "not_recovered": returned["unrecovered"],
        "failed_attempts": returned["failed"],
        "bystander_p50_ms": late[len(late) // 2],
        "bystander_p99_ms": late[int(len(late) * 0.99)],
    }


def _connect(
    bench: Bench, running: Any, number: int, subscription: Subscription | None = None
) -> tuple[float, float]:
    """Bytes and microseconds of CPU a connection. A first hundred makes the server build what it
    builds once.
    """
    with running as server:
        following = subscription or Subscription(f"/ws?token={server.token}", HELLO)
        with counting(bench.directory, server.port, following, 100, 0):
            pass
        time.sleep(0.5)
        cpu_s, rss = server.cpu_s(), server.rss_bytes()
        with counting(bench.directory, server.port, following, number, 0):
            cpu_us = (server.cpu_s() - cpu_s) * 1e6 / number
            return (server.rss_bytes() - rss) / number, cpu_us


def _tell(process: Any, word: str) -> None:
    process.stdin.write(word + "\n")
    process.stdin.flush()


def _hear(process: Any) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(process.stdout.readline())
    return heard
