"""Starts: a server until it takes connections, new, with bytecode at hand, and over a store of
5 million events; and a command's help.
"""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from bench import Bench, Figures
from processes import Server, rtdash

EVENTS = 5_000_000
STREAMS = 50
"""Streams that the events of the great store belong to."""
_FILL = """
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :events)
INSERT INTO events (venue, channel, seq, appended_at, body)
SELECT 'grill-' || (n % :streams), 'restaurant_reservations', 1 + n / :streams,
  :until - (:events - n), '{"type":"new_reservation","seq":' || (1 + n / :streams) || '}'
FROM number
"""


def starts(bench: Bench) -> Figures:
    """Row 11. Seconds and CPU until `rtdash serve` takes connections, the second time, as the first
    may have to compile; and seconds of `rtdash watch --help`.
    """
    with rtdash(bench.data):
        pass
    with rtdash(bench.data, keep=True) as server:
        ready_s, cpu_s = server.started_s, server.cpu_s()
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "rtdash", "watch", "--help"], capture_output=True, check=True
    )
    return {"ready_s": ready_s, "ready_cpu_s": cpu_s, "help_s": time.monotonic() - start}


def great_store(bench: Bench) -> Figures:
    """Row 16. The same over a store with 5 million events in 50 streams."""
    data = bench.directory / "great"
    if not data.exists():
        with rtdash(data):
            pass
        _fill(bench)
    with rtdash(data, keep=True) as server:
        return {**_started(server), "events": bench.size(EVENTS)}


def _started(server: Server) -> Figures:
    return {"ready_s": server.started_s, "ready_cpu_s": server.cpu_s()}


def _fill(bench: Bench) -> None:
    (stored,) = (bench.directory / "great").glob("*.db")
    with closing(sqlite3.connect(stored)) as store, store:
        store.execute("PRAGMA synchronous=OFF")
        store.execute(
            _FILL,
            {
                "events": bench.size(EVENTS),
                "streams": STREAMS,
                "until": int(time.time() * 1_000),
            },
        )
        store.execute(
            "INSERT INTO heads (venue, channel, seq, changed_at)"
            " SELECT venue, channel, max(seq), max(appended_at) FROM events GROUP BY venue, channel"
        )
