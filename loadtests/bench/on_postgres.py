"""Durable single bookings on PostgreSQL, beside pgbench with the same statements: what the database
gives to a program that does nothing else.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from bench import Bench, Figures
from processes import rtdash
from traffic import Caller, post_at_once

CONNECTIONS = 32
_NEEDING = ("pgbench_times", "million_confirm_100_s_cores")
SECONDS = 10
_CHECKOUT = Path(__file__).resolve().parents[2]
_OWN = {
    "reservations": {"id": "'r' || :n::text", "operation_id": "'o' || :n::text"},
    "versions": {"operation_id": "'o' || :n::text", "reservation": "'r' || :n::text"},
    "events": {
        "seq": "(SELECT seq FROM heads WHERE venue = {venue} AND channel = {channel})",
    },
}
"""Columns of a booking's rows that differ from booking to booking."""


def postgres_writes(bench: Bench) -> Figures:
    """Row 18. Bookings a second from 32 connections, and transactions a second of pgbench with a
    booking's statements from as many.
    """
    with postgres(bench) as (url, _):
        if url is None:
            return {}
        number = bench.size(2_000)
        with rtdash(bench.data, "--database", url) as server:
            Caller(server).post_lists(200)
            cpu_s = server.cpu_s()
            ours = post_at_once(server, number, connections=CONNECTIONS)
            cpu_us = (server.cpu_s() - cpu_s) * 1e6 / number
            in_lists = number / Caller(server).post_lists(number)
        theirs = _pgbench(bench, url)
    return {
        "one_by_one_a_second": ours,
        "one_by_one_cpu_us": cpu_us,
        "in_lists_a_second": in_lists,
        "pgbench_a_second": theirs,
        "pgbench_times": theirs / ours,
    }


@contextmanager
def postgres(bench: Bench) -> Iterator[tuple[str | None, Callable[[], list[psutil.Process]]]]:
    """Give an empty database, None where there is no PostgreSQL to be had, and the server's
    processes.
    """
    needs = "PostgreSQL with pgbench, and a checkout installed with the extra test"
    sys.path.append(str(_CHECKOUT))
    try:
        import pytest  # noqa: PLC0415

        from tests.servers import running  # noqa: PLC0415
        from tests.stores import new_database  # noqa: PLC0415
    except ImportError:
        bench.missing.update(dict.fromkeys(_NEEDING, needs))
        yield None, list
        return
    if shutil.which("pgbench") is None:
        bench.missing.update(dict.fromkeys(_NEEDING, needs))
        yield None, list
        return
    try:
        with running("postgres") as server, new_database(server.url) as url:
            yield url, lambda: list(server.tree())
    except pytest.skip.Exception:
        bench.missing.update(dict.fromkeys(_NEEDING, needs))
        yield None, list


def _pgbench(bench: Bench, url: str) -> float:
    """Transactions a second of a booking's statements, as many connections."""
    script = bench.directory / "booking.sql"
    script.write_text(_script(url))
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2"]
    seconds = max(2, int(SECONDS * min(1.0, bench.scale)))
    done = subprocess.run(  # noqa: S603 - our own script
        [*command, "-T", str(seconds), "-f", str(script), _plain_url(url)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"pgbench: {done.stderr[-1000:]}")
    (tps,) = re.findall(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    return float(tps)


def _script(url: str) -> str:
    """A booking's statements: look for what is there, lock, number, write four rows, commit."""
    from sqlalchemy import create_engine, make_url  # noqa: PLC0415 - only this row needs it

    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        rows: dict[str, Any] = {
            table: connection.exec_driver_sql(
                f"SELECT * FROM {table} WHERE venue = 'harbour-grill' LIMIT 1"  # noqa: S608
            )
            .mappings()
            .one()
            for table in _OWN
        }
    engine.dispose()
    channel = _literal(rows["events"]["channel"])
    grow = "UPDATE heads SET seq = seq + 1 WHERE venue = 'harbour-grill'"
    look = "SELECT operation_id, venue, digest, reservation, seq, body FROM versions"
    return "\n".join(
        [
            "\\set n random(1, 9000000000000000000)",
            "BEGIN;",
            "SELECT id FROM venues WHERE id = 'harbour-grill' FOR UPDATE;",
            f"{look} WHERE operation_id = 'o' || :n::text;",
            "SELECT * FROM reservations WHERE id = 'r' || :n::text;",
            "SELECT venue, channel, seq FROM heads WHERE venue = 'harbour-grill' FOR UPDATE;",
            f"{grow} AND channel = {channel};",
            *(_insert(table, row) for table, row in rows.items()),
            "COMMIT;",
        ]
    )


def _insert(table: str, row: Any) -> str:
    literals = {name: _literal(value) for name, value in row.items()}
    own = {name: value.format(**literals) for name, value in _OWN[table].items()}
    values = ", ".join((literals | own).values())
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values});"  # noqa: S608


def _literal(value: object) -> str:
    """A value in SQL; a text with colons, which pgbench takes for variables, as long a one."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return f"repeat('x', {len(text)})" if ":" in text else "'" + text.replace("'", "''") + "'"


def _plain_url(url: str) -> str:
    return re.sub(r"^postgresql\+\w+", "postgresql", url)
