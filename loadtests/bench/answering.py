"""Requests: reads and lists against a bare ASGI function, durable bookings against plain
sqlite3.
"""

import sqlite3
import time

from bench import Bench, Figures
from deliveries import TICK_S
from processes import Server, plain, rtdash
from traffic import STATS, TABLES, UPCOMING, Caller, post_at_once


def reads(bench: Bench) -> Figures:
    """Row 6. GET of the figures with a token: how many of them a bare ASGI function answers in the
    same CPU time.
    """
    number = bench.size(3_000)
    with rtdash(bench.data) as server:
        etag = Caller(server).call("GET", STATS).headers["ETag"]
        whole = _read(server, number, STATS)
        unchanged = _read(server, number, STATS, {"If-None-Match": etag})
    with plain("bare") as server:
        bare = _read(server, number, STATS)
    return {
        "read_us": whole,
        "unchanged_us": unchanged,
        "bare_us": bare,
        "of_bare_200": bare / whole,
        "of_bare_304": bare / unchanged,
    }


def lists(bench: Bench) -> Figures:
    """Row 15. GET of a list of 50 reservations with a token, read anew by each request; and of the
    list that polling pages repeat. A bare ASGI function writes the same bytes.
    """
    number = bench.size(1_500)
    figures: Figures = {}
    for name, path in (("list", f"{TABLES}?limit=50"), ("upcoming", UPCOMING)):
        with rtdash(bench.data) as server:
            caller = Caller(server)
            caller.post_lists(400)
            body = caller.fetch(path)
            ours = _read(server, number, path)
        file = bench.directory / "body"
        file.write_bytes(body)
        with plain("bare", str(file)) as server:
            bare = _read(server, number, path)
        figures |= {
            f"{name}_us": ours,
            f"{name}_bytes": len(body),
            f"{name}_bare_us": bare,
            f"{name}_times_bare": ours / bare,
        }
    return figures


def writes(bench: Bench) -> Figures:
    """Row 7. Durable bookings a second: in lists of 100, one by one from 32 connections; and the
    same rows by plain sqlite3 in sets of 100.
    """
    listed, single = bench.size(6_000), bench.size(2_000)
    with rtdash(bench.data) as server:
        caller = Caller(server)
        caller.post_lists(200)
        cpu_s = server.cpu_s()
        in_lists, cpu_list_s = listed / caller.post_lists(listed), server.cpu_s() - cpu_s
        cpu_s = server.cpu_s()
        one_by_one = post_at_once(server, single, connections=32)
        cpu_single_s = server.cpu_s() - cpu_s
    in_sets = _plain_rows(bench)
    return {
        "in_lists_a_second": in_lists,
        "in_lists_cpu_us": cpu_list_s * 1e6 / listed,
        "one_by_one_a_second": one_by_one,
        "one_by_one_cpu_us": cpu_single_s * 1e6 / single,
        "plain_sqlite_a_second": in_sets,
        "of_plain_sqlite": in_lists / in_sets,
    }


def _read(server: Server, number: int, path: str, headers: dict[str, str] | None = None) -> float:
    """Microseconds of CPU a request."""
    caller = Caller(server)
    caller.call("GET", path, headers=headers)
    cpu_s = server.cpu_s()
    for _ in range(number):
        caller.call("GET", path, headers=headers)
    return max(TICK_S, server.cpu_s() - cpu_s) * 1e6 / number


def _plain_rows(bench: Bench) -> float:
    """Bookings a second when their rows are known and only need to be stored: the tables and
    indexes of the store, durably.
    """
    tables = ("reservations", "versions", "events")
    copy = bench.directory / "plain.sqlite3"
    copy.unlink(missing_ok=True)
    (stored,) = bench.data.glob("*.db")
    with sqlite3.connect(stored) as source, sqlite3.connect(copy, isolation_level=None) as target:
        target.execute("PRAGMA journal_mode=WAL")
        target.execute("PRAGMA synchronous=FULL")
        for (sql,) in source.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?, ?) AND sql IS NOT NULL", tables
        ):
            target.execute(sql)
        # our own names
        rows = {
            table: source.execute(f"SELECT * FROM {table} LIMIT 5000").fetchall()  # noqa: S608
            for table in tables
        }
        start = time.monotonic()
        for first in range(0, len(rows["reservations"]), 100):
            target.execute("BEGIN IMMEDIATE")
            for table, all_rows in rows.items():
                marks = ", ".join("?" * len(all_rows[0]))
                statement = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608
                target.executemany(statement, all_rows[first : first + 100])
            target.execute("COMMIT")
        took_s = time.monotonic() - start
    return len(rows["reservations"]) / took_s
