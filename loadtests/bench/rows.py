"""The measurements, one function each: they start what they need, and give figures and ratios of one run."""

import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Server, counting, floor, peer, rtdash
from traffic import STATS, Caller, post_at_once

Figures = dict[str, float]
HELLO = '{"action":"subscribe","channels":["restaurant_reservations"]}'
RATE = 40


@dataclass(frozen=True, slots=True)
class Bench:
    """Where programs and data go, and how much is measured (1.0: as documented)."""

    directory: Path
    scale: float

    def size(self, number: int) -> int:
        """So many, scaled."""
        return max(20, int(number * self.scale))

    @property
    def data(self) -> Path:
        """A store's directory; each server starts anew in it."""
        return self.directory / "data"


def paced(bench: Bench, subscribers: int) -> Figures:
    """Single bookings at 40 a second: CPU a delivery against the floor and the plain loop, and the time to the last client."""
    events = bench.size(200)
    with rtdash(bench.data) as server, counting(bench.directory, server, subscribers, events, hello=HELLO) as clients:
        cpu_s = server.cpu_s()
        sent = Caller(server).post_paced(events, rate=RATE)
        counted = clients.result()
        cpu_s = server.cpu_s() - cpu_s
    size = counted["bytes"] // max(1, counted["frames"])
    bare = floor(bench.directory, subscribers, size, rounds=events, rate=RATE)
    latencies = sorted((last - start) * 1e3 for start, last in zip(sent, counted["last_at"], strict=True))
    cpu_us = cpu_s * 1e6 / counted["frames"]
    return {
        "cpu_us": cpu_us,
        "floor_us": bare["cpu_us"],
        "times_floor": cpu_us / bare["cpu_us"],
        "times_plain_loop": cpu_us / _plain_loop(bench, subscribers, events),
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[int(len(latencies) * 0.99)],
        "floor_round_ms": bare["round_p50_ms"],
        "lost": counted["lost"],
    }


def burst(bench: Bench, subscribers: int, *, deflate: bool = False) -> Figures:
    """Operations, 100 a request, as fast as they are taken."""
    events = bench.size(2_000 if subscribers <= 1_000 else 400)
    with rtdash(bench.data) as server, counting(bench.directory, server, subscribers, events, hello=HELLO, deflate=deflate) as clients:
        cpu_s = server.cpu_s()
        Caller(server).post_lists(events)
        counted = clients.result()
        cpu_s = server.cpu_s() - cpu_s
    frames = counted["frames"]
    return {"deliveries_a_second": frames / counted["span_s"], "cpu_us": cpu_s * 1e6 / frames, "bytes": counted["bytes"] / frames}


def growth(bench: Bench) -> Figures:
    """CPU a delivery with ten times the subscribers."""
    few, many = burst(bench, 500), burst(bench, 5_000)
    return {"few_us": few["cpu_us"], "many_us": many["cpu_us"], "growth": many["cpu_us"] / few["cpu_us"]}


def compression(bench: Bench) -> Figures:
    """Bytes and CPU with permessage-deflate, of those without."""
    plain, deflated = burst(bench, 500), burst(bench, 500, deflate=True)
    return {"bytes_share": deflated["bytes"] / plain["bytes"], "cpu_ratio": deflated["cpu_us"] / plain["cpu_us"]}


def connections(bench: Bench) -> Figures:
    """Memory of a subscribed connection, and the CPU of handshake, token, subscribe and first answer, against the plain loop's."""
    number = bench.size(5_000)
    memory, ours = _connect(bench, rtdash(bench.data), number)
    _, theirs = _connect(bench, peer("loop"), number)
    return {"kib_a_connection": memory / 1024, "connect_us": ours, "plain_loop_us": theirs, "times_plain_loop": ours / theirs}


def reads(bench: Bench) -> Figures:
    """GET of the figures with a token, against a bare ASGI function: how many of ours go into the CPU of one, upside down."""
    number = bench.size(3_000)
    with rtdash(bench.data) as server:
        etag = Caller(server).call("GET", STATS).headers["ETag"]
        whole, unchanged = _read(server, number, {}), _read(server, number, {"If-None-Match": etag})
    with peer("bare") as server:
        bare = _read(server, number, {})
    return {"read_us": whole, "unchanged_us": unchanged, "bare_us": bare, "of_bare_200": bare / whole, "of_bare_304": bare / unchanged}


def writes(bench: Bench) -> Figures:
    """Durable bookings a second: in lists of 100, one by one from 32 connections; and the same rows by plain sqlite3 in sets of 100."""
    listed, single = bench.size(6_000), bench.size(2_000)
    with rtdash(bench.data) as server:
        caller = Caller(server)
        caller.post_lists(200)
        start, cpu_s = time.monotonic(), server.cpu_s()
        caller.post_lists(listed)
        in_lists, cpu_list_s = listed / (time.monotonic() - start), server.cpu_s() - cpu_s
        cpu_s = server.cpu_s()
        one_by_one = post_at_once(server, single, connections=32)
        cpu_single_s = server.cpu_s() - cpu_s
    plain = _plain_rows(bench)
    return {
        "in_lists_a_second": in_lists,
        "in_lists_cpu_us": cpu_list_s * 1e6 / listed,
        "one_by_one_a_second": one_by_one,
        "one_by_one_cpu_us": cpu_single_s * 1e6 / single,
        "plain_sqlite_a_second": plain,
        "of_plain_sqlite": in_lists / plain,
    }


def starts(bench: Bench) -> Figures:
    """Seconds until `rtdash serve` takes connections, and of `rtdash watch --help`."""
    with rtdash(bench.data) as server:
        ready_s = server.started_s
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "rtdash", "watch", "--help"], capture_output=True, check=True)
    return {"ready_s": ready_s, "help_s": time.monotonic() - start}


ROWS: dict[str, Callable[[Bench], Figures]] = {
    "1 paced, 1,000 subscribers": lambda bench: paced(bench, 1_000),
    "2 burst, 500 subscribers": lambda bench: burst(bench, 500),
    "3 paced, 500 subscribers": lambda bench: paced(bench, 500),
    "4, 5 connections": connections,
    "6 reads": reads,
    "7 writes": writes,
    "9 growth": growth,
    "10 compression": compression,
    "11 starts": starts,
}


def median(runs: list[Figures]) -> Figures:
    """Of each figure by itself."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _plain_loop(bench: Bench, subscribers: int, events: int) -> float:
    """Microseconds of CPU a delivery of the plain loop, at the same pace."""
    with peer("loop") as server, counting(bench.directory, server, subscribers, events, hello=HELLO) as clients:
        cpu_s = server.cpu_s()
        Caller(server).post_paced(events, rate=RATE, path="/publish")
        frames: int = clients.result()["frames"]
        return (server.cpu_s() - cpu_s) * 1e6 / frames


def _connect(bench: Bench, serving: Any, number: int) -> tuple[float, float]:
    """Bytes and microseconds of CPU a connection. A first hundred makes the server build what it builds once."""
    with serving as server:
        with counting(bench.directory, server, 100, 0, hello=HELLO):
            pass
        time.sleep(0.5)
        cpu_s, rss = server.cpu_s(), server.rss_bytes()
        with counting(bench.directory, server, number, 0, hello=HELLO):
            cpu_us = (server.cpu_s() - cpu_s) * 1e6 / number
            return (server.rss_bytes() - rss) / number, cpu_us


def _read(server: Server, number: int, headers: dict[str, str]) -> float:
    """Microseconds of CPU a request."""
    caller = Caller(server)
    caller.call("GET", STATS, headers=headers)
    cpu_s = server.cpu_s()
    for _ in range(number):
        caller.call("GET", STATS, headers=headers)
    return (server.cpu_s() - cpu_s) * 1e6 / number


def _plain_rows(bench: Bench) -> float:
    """Bookings a second when their rows are known and only need to be stored: the tables and indexes of the store, durably."""
    tables = ("reservations", "versions", "events")
    copy = bench.directory / "plain.sqlite3"
    copy.unlink(missing_ok=True)
    (stored,) = bench.data.glob("*.db")
    with sqlite3.connect(stored) as source, sqlite3.connect(copy, isolation_level=None) as target:
        target.execute("PRAGMA journal_mode=WAL")
        target.execute("PRAGMA synchronous=FULL")
        for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?, ?) AND sql IS NOT NULL", tables):
            target.execute(sql)
        rows = {table: source.execute(f"SELECT * FROM {table} LIMIT 5000").fetchall() for table in tables}  # noqa: S608 - our own names
        start = time.monotonic()
        for first in range(0, len(rows["reservations"]), 100):
            target.execute("BEGIN IMMEDIATE")
            for table, all_rows in rows.items():
                marks = ", ".join("?" * len(all_rows[0]))
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", all_rows[first : first + 100])  # noqa: S608 - our own names
            target.execute("COMMIT")
        took_s = time.monotonic() - start
    return len(rows["reservations"]) / took_s
