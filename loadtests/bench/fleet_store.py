"""The store of a great fleet: what PostgreSQL spends on each write that a process makes for its
connections, by the server's own statements.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psutil
from bench import Bench, Figures
from on_postgres import postgres

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.store import sessions
from rtdash.store.database import Database

ROWS = 20_000
BATCH = 800
"""Confirmations in a transaction: a process of 20,000 writes once a second, its pings are 25 s
apart."""
CONNECTIONS = 1_000_000
_TTL = timedelta(minutes=10)
_STREAM = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)


def fleet_store(bench: Bench) -> Figures:
    """Row 20. Microseconds of PostgreSQL's CPU, and of a process's, for each session that is
    stored, confirmed, released and taken over; and what that makes for a million connections.
    """
    with postgres(bench) as (url, tree):
        if url is None:
            return {}
        return asyncio.run(_measure(bench, url, tree))


async def _measure(bench: Bench, url: str, tree: Callable[[], Sequence[psutil.Process]]) -> Figures:
    number, now = bench.size(ROWS), datetime.now(UTC).replace(microsecond=0)
    ids = [f"session-{place}" for place in range(number)]
    figures: Figures = {}
    database = await Database.open(url, data_dir=bench.directory, clock=lambda: now)
    try:
        for name, size, write in _works(now):
            cpu_s, own_s, start = _cpu_s(tree), time.process_time(), time.monotonic()
            for some in _batches(ids, size):
                await database.write(partial(write, ids=some))
            figures[f"{name}_postgres_us"] = (_cpu_s(tree) - cpu_s) * 1e6 / number
            figures[f"{name}_own_us"] = (time.process_time() - own_s) * 1e6 / number
            figures[f"{name}_a_second"] = number / (time.monotonic() - start)
    finally:
        await database.close()
    return figures | _of_a_million(figures)


def _works(now: datetime) -> list[tuple[str, int, Callable[[Any, list[str]], object]]]:
    """The writes: name, rows in a transaction, and how."""
    held = sessions.StoredSession(
        "", "user", "process", now, 1, subscriptions={_STREAM.venue: (_STREAM.channel,)}
    )

    def save(conn: Any, ids: list[str]) -> None:
        for one in ids:
            sessions.save(conn, _replaced(held, one), now=now)

    def confirm(conn: Any, ids: list[str]) -> None:
        at = {_STREAM: Position("epoch", 7)}
        sessions.confirm(conn, [sessions.Confirmation(one, 1, at) for one in ids])

    def release(conn: Any, ids: list[str]) -> None:
        sessions.release(conn, [(one, 1) for one in ids], process="process", expires_at=now + _TTL)

    def take(conn: Any, ids: list[str]) -> None:
        for one in ids:
            sessions.take_over(
                conn, one, sub="user", process="other", asked_at=now, now=now, ttl=_TTL
            )

    return [
        ("saved", 4, save),
        ("confirmed", BATCH, confirm),
        ("released", 4, release),
        ("taken", 1, take),
    ]


def _of_a_million(figures: Figures) -> Figures:
    """Cores of PostgreSQL for a million connections: all confirm within each ping interval, of 25
    or 100 s; 1 % a minute are lost and come back; or all come back within a minute.
    """
    lost = sum(figures[f"{name}_postgres_us"] for name in ("released", "taken", "saved"))
    confirmed = figures["confirmed_postgres_us"]
    return {
        "million_confirm_25_s_cores": CONNECTIONS / 25 * confirmed / 1e6,
        "million_confirm_100_s_cores": CONNECTIONS / 100 * confirmed / 1e6,
        "million_one_percent_cores": CONNECTIONS * 0.01 / 60 * lost / 1e6,
        "million_all_back_in_60_s_cores": CONNECTIONS / 60 * lost / 1e6,
    }


def _replaced(held: sessions.StoredSession, session_id: str) -> sessions.StoredSession:
    return sessions.StoredSession(
        session_id,
        held.sub,
        held.process,
        held.asked_at,
        held.generation,
        subscriptions=held.subscriptions,
        positions={_STREAM: Position("epoch", 1)},
    )


def _batches(ids: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _cpu_s(tree: Callable[[], Sequence[psutil.Process]]) -> float:
    """Seconds of CPU of all that lives of PostgreSQL."""
    total = 0.0
    for one in tree():
        try:
            total += sum(one.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total
